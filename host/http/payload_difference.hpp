#pragma once
#include <string>
#include <vector>

namespace payoutd::http {

/// The names of the fields in which two canonical payloads (engine::PayoutRequest::canonical) differ, sorted;
/// metadata's as `metadata.KEY`. Names only: what clients write in them stays theirs.
std::vector<std::string> differing_fields(const std::string& one, const std::string& other);

}  // namespace payoutd::http
