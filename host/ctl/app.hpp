#pragma once

namespace payoutd::ctl {

/// Reads the command line, carries the command out, and returns the program's exit code. Never throws.
int run(int argc, char** argv);

}  // namespace payoutd::ctl
