#include "providers/inspect.hpp"

#include <csignal>

#include "providers/provider_process.hpp"

namespace payoutd::providers {
namespace {

/// Everything that the process wrote, and how it ended.
struct Output {
  std::string text;
  std::optional<ProcessEnd> end;
};

Inspection judge(const std::filesystem::path& plugin, const Output& output) {
  Inspection inspection;
  const std::string name = "plugin " + plugin.string() + ": ";
  if (!output.end) {
    inspection.refused = name + "loading it does not come to an end";
    return inspection;
  }
  boost::json::error_code unreadable;
  const auto value = boost::json::parse(output.text, unreadable);
  if (unreadable || !value.is_object()) {
    inspection.refused = name + "the process that loaded it " + output.end->text();
    return inspection;
  }
  inspection.about = value.get_object();
  if (const auto* refused = inspection.about.if_contains("refused")) {
    inspection.refused = std::string(refused->as_string());
    inspection.about.clear();
  }
  return inspection;
}

}  // namespace

Inspection inspect(const std::filesystem::path& provider_executable, const std::filesystem::path& plugin,
                   std::chrono::milliseconds limit) {
  boost::asio::io_context io(1);
  Output output;
  // Its stdout arrives with its stderr; the JSON is the last line.
  const auto process = ProviderProcess::start(
      io.get_executor(),
      {.executable = provider_executable,
       .arguments = {"--inspect", plugin.string()},
       .max_line_bytes = 4u << 20},
      {.on_notice = {},
       .on_stderr_line = [&output](std::string line) { output.text = std::move(line); },
       .on_lost = {},
       .on_end =
           [&output, &io](ProcessEnd end) {
             output.end = end;
             io.stop();
           }});
  io.run_for(limit);
  if (!output.end) {
    process->signal(SIGKILL);
    io.restart();
    io.run_for(std::chrono::seconds(1));
    output.end.reset();
  }
  return judge(plugin, output);
}

}  // namespace payoutd::providers
