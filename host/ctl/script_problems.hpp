#pragma once
#include <boost/json/array.hpp>
#include <filesystem>
#include <vector>

#include "ctl/context.hpp"
#include "policy/script_files.hpp"

namespace payoutd::ctl {

/// `3f9a0c1e22ab`: what people see of a bundle's hash.
std::string short_hash(std::string_view hash);

/// A line for each problem on standard error: `scripts/abuse/velocity.lua:12: what is wrong`, so that an
/// editor or a terminal can jump to it. An empty directory: as the host names the files.
void print_problems(Context& context, const std::filesystem::path& directory,
                    const std::vector<policy::ScriptProblem>& problems);

boost::json::array problems_json(const std::vector<policy::ScriptProblem>& problems);
/// As the host answers them.
std::vector<policy::ScriptProblem> read_problems(const boost::json::array& problems);

/// The scripts of a directory that the user named. Throws CommandFailed where there are none, or where they
/// cannot be read, after it printed why.
policy::ScriptFiles require_scripts(Context& context, const std::filesystem::path& directory);

}  // namespace payoutd::ctl
