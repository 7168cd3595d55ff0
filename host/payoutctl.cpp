// payoutctl: what people and scripts talk to a running host with.
#include "ctl/app.hpp"

int main(int argc, char** argv) {
  return payoutd::ctl::run(argc, argv);
}
