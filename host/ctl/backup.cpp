#include "ctl/backup.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <fstream>
#include <ostream>

#include "ctl/program.hpp"

namespace payoutd::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr const char* kManifest = "manifest.json";
constexpr int kFormat = 1;

std::string sha256_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw CommandFailed(ExitCode::failed, path.string() + " cannot be read");
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr);
  std::vector<char> buffer(1 << 20);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0)
    EVP_DigestUpdate(hash.get(), buffer.data(), static_cast<std::size_t>(in.gcount()));
  if (in.bad()) throw CommandFailed(ExitCode::failed, path.string() + " cannot be read to its end");
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(hash.get(), digest.data(), nullptr);
  std::string hex;
  for (const auto byte : digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

void sync_to_disk(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!done) throw CommandFailed(ExitCode::failed, path.string() + " cannot be written to disk");
}

json::object manifest_json(const Manifest& manifest) {
  const store::Inventory& held = manifest.inventory;
  json::array migrations;
  for (const auto& one : held.migrations)
    migrations.push_back(
        json::object{{"version", one.version}, {"name", one.name}, {"checksum", one.checksum}});
  json::array states;
  for (const auto& one : held.stocks)
    states.push_back(json::object{
        {"state", one.state}, {"currency", one.currency}, {"count", one.count}, {"sum", one.sum}});
  json::object tables;
  for (const auto& [name, rows] : held.tables) tables[name] = rows;
  json::array files;
  for (const auto& one : manifest.files)
    files.push_back(json::object{{"path", one.path}, {"bytes", one.bytes}, {"sha256", one.sha256}});
  return {{"format", kFormat},
          {"created_at", manifest.created_at},
          {"payoutd_version", manifest.payoutd_version},
          {"server_major", manifest.server_major},
          {"schema", json::object{{"revision", held.revision}, {"migrations", std::move(migrations)}}},
          {"states", std::move(states)},
          {"tables", std::move(tables)},
          {"marks", json::object{{"system_identifier", held.system_identifier},
                                 {"timeline", held.timeline},
                                 {"last_event", held.last_event},
                                 {"audit_rows", held.audit_rows},
                                 {"audit_hash", held.audit_hash}}},
          {"files", std::move(files)}};
}

void write_manifest(const fs::path& file, const Manifest& manifest) {
  std::ofstream out(file, std::ios::trunc);
  out << json::serialize(manifest_json(manifest)) << '\n';
  if (!out.flush()) throw CommandFailed(ExitCode::failed, file.string() + " cannot be written");
}

/// A folder that is gone again unless it was completed.
class Partial {
 public:
  explicit Partial(fs::path target) : target_(std::move(target)), path_(target_.string() + ".partial") {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) throw CommandFailed(ExitCode::usage, path_.string() + " cannot be made: " + error.message());
    // A backup holds phone numbers and what is owed to whom.
    fs::permissions(path_, fs::perms::owner_all, error);
  }
  ~Partial() {
    std::error_code ignored;
    if (!complete_) fs::remove_all(path_, ignored);
  }
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;
  const fs::path& path() const { return path_; }
  void complete() {
    for (const auto& entry : fs::recursive_directory_iterator(path_)) sync_to_disk(entry.path());
    sync_to_disk(path_);
    fs::rename(path_, target_);
    complete_ = true;
    sync_to_disk(target_.parent_path());
  }

 private:
  fs::path target_;
  fs::path path_;
  bool complete_ = false;
};

std::string compact_time(std::string at) {
  std::erase_if(at, [](char c) { return c == '-' || c == ':'; });
  return at;
}

// pg_dump reads the snapshot that the figures were read from, so the manifest says exactly what the dump
// holds.
void dump(const Database& database, const std::string& snapshot, const fs::path& to, int jobs,
          int server_major) {
  std::vector<std::string> arguments{"--schema=app", "--snapshot=" + snapshot, "--no-password",
                                     "--lock-wait-timeout=30s", "--file=" + to.string()};
  if (jobs > 1) {
    arguments.insert(arguments.end(), {"--format=directory", "--jobs=" + std::to_string(jobs)});
  } else {
    arguments.emplace_back("--format=custom");
  }
  auto environment = libpq_environment(database.dsn);
  environment["PGAPPNAME"] = "payoutctl backup";
  const ProgramRun run = run_program(postgres_program("pg_dump", server_major), arguments, environment);
  if (run.interrupted) throw CommandFailed(ExitCode::interrupted, "interrupted; nothing was kept");
  if (run.status != 0) throw CommandFailed(ExitCode::failed, "pg_dump failed: " + run.errors);
}

// The backup stands, so what cannot be noted is said and no more.
void record(Context& context, const Database& database, const fs::path& folder, const Manifest& manifest) {
  std::int64_t bytes = 0;
  for (const auto& one : manifest.files) bytes += one.bytes;
  const std::string detail = json::serialize(
      json::object{{"folder", folder.string()}, {"revision", manifest.inventory.revision}, {"bytes", bytes}});
  const char* user = ::getenv("USER");
  try {
    store::in_transaction(*database.connection, [&](store::Transaction& work) {
      store::record_maintenance(work, "backup", user == nullptr ? "?" : user, detail);
    });
  } catch (const store::StoreError& error) {
    context.err << "The backup is complete, but the database does not take the note of it, so hosts will not "
                   "show it: "
                << error.what() << '\n';
  }
}

}  // namespace

std::vector<Manifest::File> hash_files(const fs::path& folder) {
  std::vector<Manifest::File> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string path = fs::relative(entry.path(), folder).string();
    if (!entry.is_regular_file() || path == kManifest) continue;
    files.push_back({path, static_cast<std::int64_t>(entry.file_size()), sha256_of(entry.path())});
  }
  std::ranges::sort(files, {}, &Manifest::File::path);
  return files;
}

Manifest read_manifest(const fs::path& file) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  try {
    const json::value value = json::parse(text);
    const auto words = [](const json::value& v) { return std::string(v.as_string()); };
    Manifest manifest;
    if (value.at("format").as_int64() != kFormat) throw std::runtime_error("it has another format");
    manifest.created_at = words(value.at("created_at"));
    manifest.payoutd_version = words(value.at("payoutd_version"));
    manifest.server_major = value.at("server_major").to_number<int>();
    store::Inventory& held = manifest.inventory;
    held.revision = words(value.at("schema").at("revision"));
    for (const auto& one : value.at("schema").at("migrations").as_array())
      held.migrations.push_back(
          {words(one.at("version")), words(one.at("name")), words(one.at("checksum")), {}, {}});
    for (const auto& one : value.at("states").as_array())
      held.stocks.push_back({words(one.at("state")), words(one.at("currency")), one.at("count").as_int64(),
                             words(one.at("sum"))});
    for (const auto& [name, rows] : value.at("tables").as_object()) held.tables[name] = rows.as_int64();
    const auto& marks = value.at("marks");
    held.system_identifier = words(marks.at("system_identifier"));
    held.timeline = words(marks.at("timeline"));
    held.last_event = marks.at("last_event").as_int64();
    held.audit_rows = marks.at("audit_rows").as_int64();
    held.audit_hash = words(marks.at("audit_hash"));
    for (const auto& one : value.at("files").as_array())
      manifest.files.push_back({words(one.at("path")), one.at("bytes").as_int64(), words(one.at("sha256"))});
    return manifest;
  } catch (const std::exception& error) {
    throw CommandFailed(ExitCode::usage, file.string() + " is no manifest of a backup: " + error.what());
  }
}

ExitCode backup(Context& context, const DatabaseOptions& options, const BackupOptions& wanted) {
  const auto began = std::chrono::steady_clock::now();
  const Database database = open_database(context, options, "backup");
  // One transaction holds the snapshot until pg_dump is through.
  auto holder = ask_database([&] { return connect_again(database, "backup"); });
  Manifest manifest;
  manifest.payoutd_version = PAYOUTD_VERSION;
  fs::path folder;
  const auto make = [&](store::Transaction& work) {
    work.exec("set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0");
    manifest.created_at =
        work.exec1("select to_char(now() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")[0].c_str();
    manifest.server_major =
        work.exec1("select current_setting('server_version_num')::int / 10000")[0].as<int>();
    folder = fs::absolute(wanted.out) / ("payoutd-" + compact_time(manifest.created_at));
    Partial partial(folder);
    const std::string snapshot = work.exec1("select pg_export_snapshot()")[0].c_str();
    manifest.inventory = store::take_inventory(work);
    dump(database, snapshot, partial.path() / "dump", wanted.jobs, manifest.server_major);
    manifest.files = hash_files(partial.path());
    write_manifest(partial.path() / kManifest, manifest);
    partial.complete();
  };
  ask_database(
      [&] { store::in_transaction(*holder, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", make); });
  record(context, database, folder, manifest);
  std::int64_t bytes = 0;
  for (const auto& one : manifest.files) bytes += one.bytes;
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  if (context.json) {
    json::object out = manifest_json(manifest);
    out["folder"] = folder.string();
    out["duration_ms"] = elapsed.count();
    context.out << json::serialize(out) << '\n';
    return ExitCode::ok;
  }
  std::int64_t payouts = 0;
  for (const auto& one : manifest.inventory.stocks) payouts += one.count;
  context.out
      << folder.string() << ": " << payouts << " payouts, schema " << manifest.inventory.revision << ", "
      << bytes / 1024 << " KiB in " << duration_text(elapsed)
      << ".\nKeep it apart from this machine, and the instance key apart from it. Check it: payoutctl "
         "restore-check "
      << folder.string() << '\n';
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
