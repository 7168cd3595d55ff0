#pragma once
#include "ctl/context.hpp"

namespace payoutd::ctl {

/// Has the host read its configuration, secrets, certificate, plugins and scripts again, and waits until all
/// is taken over or refused. ExitCode::refused with every reason if anything was refused; that part is as it
/// was.
ExitCode reload(Context& context);

}  // namespace payoutd::ctl
