// A version of the MoMo plugin whose reading of answers was broken. Its provider.cpp is compiled with this
// function under another name in the place of the plugin's own decode_status
// (tests/operations/CMakeLists.txt).
#include "wire.hpp"

namespace momo {

payoutd::Status decode_status(int, std::string_view, const std::string&, const std::string&) {
  payoutd::Status status;
  status.message = "the answer has no field `state`";
  return status;
}

}  // namespace momo
