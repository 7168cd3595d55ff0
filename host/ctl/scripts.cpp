#include "ctl/scripts.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ctl/json_view.hpp"
#include "ctl/script_problems.hpp"
#include "ctl/script_test.hpp"
#include "ctl/text_diff.hpp"

namespace payoutd::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

/// Text of several lines for a terminal.
std::string printable_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of("\n\t"), text.size());
    out += printable(text.substr(0, end));
    if (end < text.size()) out += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// --- status

/// The row of a generation, or an empty object.
const json::object& generation_row(const json::object& status, std::int64_t generation) {
  static const json::object none;
  for (const json::value& row : array_at(status, "generations"))
    if (row.is_object() && number_at(row.get_object(), "generation") == generation) return row.get_object();
  return none;
}

void print_active(const json::object& status, std::ostream& out, const Style& style) {
  const json::object& active = object_at(status, "active");
  if (active.empty()) {
    out << "No scripts were ever active here: payouts are not judged, and waiting times come from the "
           "settings.\n";
  } else {
    const json::object& row = generation_row(status, number_at(active, "generation"));
    out << "Active: generation " << number_at(active, "generation") << ", bundle "
        << style.paint(Colour::bold, short_hash(text_at(active, "hash")));
    if (!row.empty())
      out << ", since " << time_text(text_at(row, "at")) << " UTC by " << text_at(row, "actor");
    if (const std::string note = text_at(row, "note"); !note.empty()) out << " (" << note << ")";
    out << '\n';
  }
  if (const json::object& shadow = object_at(status, "shadow"); !shadow.empty())
    out << "Shadow: bundle " << style.paint(Colour::bold, short_hash(text_at(shadow, "hash")))
        << ", which judges beside it without effect\n";
}

void print_hosts_of(const json::object& status, std::ostream& out, const Style& style) {
  const std::string active = text_at(object_at(status, "active"), "hash");
  Table table({{"HOST"},
               {"GENERATION", true},
               {"BUNDLE"},
               {"SINCE (UTC)"},
               {"REFUSED"},
               {"SHADOW"},
               {"COMPARED", true},
               {"DIFFERED", true},
               {"DIRECTORY"}});
  for (const json::value& value : array_at(status, "hosts")) {
    const json::object& host = value.as_object();
    const bool behind = text_at(host, "hash") != active;
    const json::object& refused = object_at(host, "refused");
    const bool shadows = !text_at(host, "shadow_hash").empty();
    const std::string directory = text_at(host, "directory");
    table.add({text_at(host, "host"),
               text_at(host, "generation"),
               {short_hash(text_at(host, "hash")), behind ? Colour::yellow : Colour::green},
               time_text(text_at(generation_row(status, number_at(host, "generation")), "at")),
               {refused.empty() ? "no" : "yes", refused.empty() ? Colour::none : Colour::red},
               shadows ? short_hash(text_at(host, "shadow_hash")) : "–",
               shadows ? text_at(host, "shadow_compared") : "–",
               shadows ? text_at(host, "shadow_differed") : "–",
               directory.empty() ? "none; it follows the others" : directory});
  }
  if (table.empty()) return;
  out << '\n';
  table.print(out, style);
}

bool print_refusals(const json::object& status, std::ostream& out, const Style& style) {
  bool any = false;
  for (const json::value& value : array_at(status, "hosts")) {
    const json::object& host = value.as_object();
    const json::object& refused = object_at(host, "refused");
    if (refused.empty()) continue;
    any = true;
    out << '\n'
        << style.paint(Colour::red, text_at(host, "host") + " refused") << " what it found at "
        << time_text(text_at(refused, "at")) << " UTC, and goes on with what it has:\n";
    // `why` has a line for each problem.
    const auto* why = refused.if_contains("why");
    if (why == nullptr || !why->is_string()) continue;
    std::string_view text = why->get_string();
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      out << "  " << printable(text.substr(0, end)) << '\n';
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  return any;
}

void print_generations(const json::object& status, std::ostream& out, const Style& style) {
  constexpr std::size_t kShown = 5;
  Table table({{"GENERATION", true}, {"BUNDLE"}, {"SINCE (UTC)"}, {"BY"}, {"NOTE"}});
  const json::array& rows = array_at(status, "generations");
  for (std::size_t i = 0; i < std::min(rows.size(), kShown); ++i) {
    const json::object& row = rows[i].as_object();
    table.add({text_at(row, "generation"), short_hash(text_at(row, "hash")), time_text(text_at(row, "at")),
               text_at(row, "actor"), text_at(row, "note")});
  }
  if (table.empty()) return;
  out << '\n';
  table.print(out, style);
}

bool any_refused(const json::object& status) {
  return std::ranges::any_of(array_at(status, "hosts"), [](const json::value& host) {
    return host.is_object() && !object_at(host.get_object(), "refused").empty();
  });
}

// --- changes

ExitCode refused(Context& context, const Answer& answer) {
  const json::object& error = object_at(answer.body.as_object(), "error");
  const json::array& problems = array_at(error, "problems");
  if (context.json) {
    print_json(context, json::object{{"done", false}, {"message", answer.message()}, {"problems", problems}});
  } else {
    print_problems(context, {}, read_problems(problems));
    context.err << printable(answer.message()) << '\n';
  }
  return ExitCode::refused;
}

ExitCode change_scripts(Context& context, const std::string& path, const json::object& body,
                        std::string_view hint = {}) {
  Client client(context.socket);
  const Answer answer = client.send("POST", "/v1/admin/scripts" + path, json::serialize(body));
  if (answer.code() == "SCRIPTS_REFUSED") return refused(context, answer);
  if (!answer.ok()) fail(answer);
  if (context.json) {
    print_json(context, answer.body);
    return ExitCode::ok;
  }
  const json::object& done = answer.body.as_object();
  context.out << text_at(done, "message") << " Bundle " << short_hash(text_at(done, "hash")) << ".\n" << hint;
  return ExitCode::ok;
}

json::object note_body(const std::string& note) {
  return note.empty() ? json::object{} : json::object{{"note", note}};
}

// --- bundles

/// One side of a comparison.
struct Side {
  std::string name;  ///< as people call it
  std::string hash;
  policy::ScriptFiles files;
};

Side fetched(Client& client, const std::string& name) {
  const json::value bundle = client.get("/v1/admin/scripts/bundles/" + percent_encoded(name));
  Side side;
  side.hash = text_at(bundle.as_object(), "hash");
  side.name = name == "active" || name == "shadow" ? name : short_hash(side.hash);
  side.files = policy::ScriptFiles::from_json(object_at(bundle.as_object(), "files"));
  return side;
}

Side side_of(Context& context, Client& client, const std::string& name) {
  std::error_code failed;
  const bool word = name == "active" || name == "shadow";
  const bool path = name.find('/') != std::string::npos || name.starts_with('.');
  if (word || (!path && !fs::is_directory(name, failed))) return fetched(client, name);
  Side side;
  side.name = name;
  side.files = require_scripts(context, name);
  side.hash = side.files.hash();
  return side;
}

/// The directory that a host on this machine reads.
std::string watched_directory(Client& client) {
  const json::value status = client.get("/v1/admin/scripts");
  for (const json::value& value : array_at(status.as_object(), "hosts")) {
    const std::string directory = text_at(value.as_object(), "directory");
    std::error_code failed;
    if (!directory.empty() && fs::is_directory(directory, failed)) return directory;
  }
  const fs::path usual = usual_scripts();
  if (usual.empty()) throw CommandFailed(ExitCode::usage, "Name the scripts' directory with --dir.");
  return usual.string();
}

struct FileDiff {
  std::string file;
  std::string change;  ///< added, removed, changed
  std::string diff;
};

std::vector<FileDiff> differences(const Side& from, const Side& to) {
  std::set<std::string> all;
  for (const auto& [file, text] : from.files.files) all.insert(file);
  for (const auto& [file, text] : to.files.files) all.insert(file);
  std::vector<FileDiff> list;
  for (const std::string& file : all) {
    const auto before = from.files.files.find(file);
    const auto after = to.files.files.find(file);
    const bool added = before == from.files.files.end();
    const bool removed = after == to.files.files.end();
    const std::string old_text = added ? std::string() : before->second;
    const std::string new_text = removed ? std::string() : after->second;
    if (!added && !removed && old_text == new_text) continue;
    list.push_back({file,
                    added     ? "added"
                    : removed ? "removed"
                              : "changed",
                    unified_diff(old_text, new_text, added ? "/dev/null" : "a/" + file,
                                 removed ? "/dev/null" : "b/" + file)});
  }
  return list;
}

void print_diff(std::string_view diff, std::ostream& out, const Style& style) {
  while (!diff.empty()) {
    const auto end = std::min(diff.find('\n'), diff.size());
    const std::string_view line = diff.substr(0, end);
    diff.remove_prefix(std::min(end + 1, diff.size()));
    const bool head = line.starts_with("---") || line.starts_with("+++");
    out << style.paint(head                    ? Colour::bold
                       : line.starts_with('@') ? Colour::cyan
                       : line.starts_with('+') ? Colour::green
                       : line.starts_with('-') ? Colour::red
                                               : Colour::none,
                       printable_lines(line))
        << '\n';
  }
}

}  // namespace

ExitCode scripts_status(Context& context) {
  const json::value answer = Client(context.socket).get("/v1/admin/scripts");
  const json::object& status = answer.as_object();
  if (context.json) {
    print_json(context, answer);
  } else {
    print_active(status, context.out, context.style);
    print_hosts_of(status, context.out, context.style);
    print_refusals(status, context.out, context.style);
    print_generations(status, context.out, context.style);
  }
  return any_refused(status) ? ExitCode::negative : ExitCode::ok;
}

ExitCode scripts_reload(Context& context) {
  return change_scripts(context, "/reload", {});
}

ExitCode scripts_rollback(Context& context, const std::string& hash, const std::string& note) {
  json::object body = note_body(note);
  if (!hash.empty()) body["hash"] = hash;
  return change_scripts(
      context, "/rollback", body,
      "The hosts' directories still hold what was active before: the next change that is saved there "
      "becomes\nactive with all of it. `payoutctl scripts diff` shows what differs.\n");
}

ExitCode scripts_shadow(Context& context, const fs::path& directory) {
  const policy::ScriptFiles files = require_scripts(context, directory);
  return change_scripts(context, "/shadow", json::object{{"files", files.to_json()}},
                        "  payoutctl scripts status         how often it judged, and differed\n"
                        "  payoutctl decisions --shadow     what it said where it differed\n"
                        "  payoutctl scripts promote        make it active\n"
                        "  payoutctl scripts shadow --stop  end it\n");
}

ExitCode scripts_stop_shadow(Context& context) {
  return change_scripts(context, "/shadow/stop", {});
}

ExitCode scripts_promote(Context& context, const std::string& note) {
  return change_scripts(
      context, "/promote", note_body(note),
      "Copy the files to the hosts' directories too, so that the next change there does not undo it.\n");
}

ExitCode scripts_show(Context& context, const std::string& hash, const std::string& file) {
  Client client(context.socket);
  const json::value bundle =
      client.get("/v1/admin/scripts/bundles/" + percent_encoded(hash.empty() ? "active" : hash));
  const json::object& files = object_at(bundle.as_object(), "files");
  if (file.empty() && context.json) {
    print_json(context, bundle);
    return ExitCode::ok;
  }
  if (!file.empty()) {
    const auto* text = files.if_contains(file);
    if (text == nullptr || !text->is_string())
      throw CommandFailed(ExitCode::refused, "The bundle " + short_hash(text_at(bundle.as_object(), "hash")) +
                                                 " has no file " + printable(file) + ".");
    if (context.json)
      print_json(context, json::object{{"file", file}, {"text", *text}});
    else
      context.out << std::string_view(text->get_string());
    return ExitCode::ok;
  }
  context.out << "Bundle " << text_at(bundle.as_object(), "hash") << "\nfirst used "
              << time_text(text_at(bundle.as_object(), "created_at")) << " UTC by "
              << text_at(bundle.as_object(), "created_by") << '\n';
  for (const auto& [name, text] : files) {
    context.out << '\n' << context.style.paint(Colour::bold, "==> " + printable(name) + " <==") << '\n';
    if (text.is_string()) context.out << printable_lines(std::string_view(text.get_string()));
  }
  return ExitCode::ok;
}

ExitCode scripts_diff(Context& context, const ScriptsDiffOptions& options) {
  Client client(context.socket);
  const bool both = !options.to.empty();
  std::string to = both ? options.to : options.from;  // a single name is what the active one is compared with
  if (to.empty()) to = options.directory.string();
  if (to.empty()) to = watched_directory(client);
  const Side before = side_of(context, client, both ? options.from : "active");
  const Side after = side_of(context, client, to);
  const std::vector<FileDiff> list = differences(before, after);
  if (context.json) {
    json::array files;
    for (const FileDiff& one : list)
      files.push_back(json::object{{"file", one.file}, {"change", one.change}, {"diff", one.diff}});
    print_json(context, json::object{{"from", json::object{{"name", before.name}, {"hash", before.hash}}},
                                     {"to", json::object{{"name", after.name}, {"hash", after.hash}}},
                                     {"files", std::move(files)}});
    return ExitCode::ok;
  }
  if (list.empty()) {
    context.out << before.name << " and " << after.name << " are the same bundle, " << short_hash(before.hash)
                << ".\n";
    return ExitCode::ok;
  }
  context.out << "From " << before.name << " (" << short_hash(before.hash) << ") to " << after.name << " ("
              << short_hash(after.hash) << "):\n";
  for (const FileDiff& one : list) print_diff(one.diff, context.out, context.style);
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
