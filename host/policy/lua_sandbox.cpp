#include "policy/lua_sandbox.hpp"

#include <charconv>
#include <cstdlib>
#include <ctime>
#include <new>

#include "core/assert.hpp"
#include "policy/script_source.hpp"

namespace payoutd::policy {
namespace {

constexpr int kCoarseStep = 1'000;
/// Where large texts are, a single instruction (comparing two of them) can take long.
constexpr int kFineStep = 50;
constexpr std::size_t kLargeTextBytes = 4'096;
constexpr std::size_t kLargeBlockBytes = 4'096;
constexpr std::size_t kCollectorStepBytes = std::size_t{16} << 10;
/// A new round of the collector begins when this percentage of what the last one left is in use.
constexpr int kCollectorPause = 800;
constexpr int kCollectorSpeed = 200;
constexpr int kDeep = 190;  ///< levels: Lua itself stops C functions that call each other at 200
constexpr int kHandlerIndex = 1;
constexpr std::string_view kRanTooLong = "ran for more than ";

/// The innermost line of Lua that is running. Allocates nothing.
bool current_position(lua_State* state, lua_Debug& at) {
  for (int level = 0; lua_getstack(state, level, &at) != 0; ++level) {
    lua_getinfo(state, "Sl", &at);
    if (at.currentline > 0) return true;
  }
  return false;
}

/// Gives every error a position and makes a text of it.
int on_error(lua_State* state) {
  if (lua_type(state, 1) != LUA_TSTRING && lua_type(state, 1) != LUA_TNUMBER)
    lua_pushfstring(state, "raised an error that is no text but a %s", luaL_typename(state, 1));
  else
    lua_pushvalue(state, 1);
  std::size_t length = 0;
  const char* text = lua_tolstring(state, -1, &length);
  if (!parse_message({text, length}).file.empty()) return 1;
  lua_Debug at;
  if (!current_position(state, at)) return 1;
  lua_pushfstring(state, "%s:%d: ", at.short_src, at.currentline);
  lua_insert(state, -2);
  lua_concat(state, 2);
  return 1;
}

int on_panic(lua_State* state) {
  const char* message = lua_tostring(state, -1);
  std::fprintf(stderr, "payoutd: Lua failed outside of a protected call: %s\n",
               message == nullptr ? "?" : message);
  std::abort();
}

}  // namespace

std::chrono::nanoseconds thread_processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

Sandbox::Sandbox() {
  state_ = lua_newstate(&Sandbox::allocate, this);
  if (state_ == nullptr) throw std::bad_alloc();
  *static_cast<Sandbox**>(lua_getextraspace(state_)) = this;
  lua_atpanic(state_, &on_panic);
  // Collected between calls only: a collection inside of one would cost time that no limit can cut short.
  lua_gc(state_, LUA_GCSTOP);
  lua_gc(state_, LUA_GCINC, kCollectorPause, kCollectorSpeed, 0);
  lua_pushcfunction(state_, &on_error);
}

Sandbox::~Sandbox() {
  lua_close(state_);
}

void Sandbox::begin(const CallLimits& limits) {
  PAYOUTD_ASSERT(!active_, "a sandbox is called once at a time");
  limits_ = limits;
  active_ = true;
  timing_ = false;
  instructions_ = 0;
  memory_limit_ = in_use_ + limits.memory_bytes;
  allocated_ = 0;
  stop_ = Stop::none;
  step_ = holds_large_texts_ ? kFineStep : kCoarseStep;
  lua_sethook(state_, &Sandbox::on_count, LUA_MASKCOUNT, step_);
}

std::optional<ScriptProblem> Sandbox::call(int arguments, int results, const CallLimits& limits) {
  begin(limits);
  const int status = lua_pcall(state_, arguments, results, kHandlerIndex);
  active_ = false;
  if (status == LUA_OK && stop_ == Stop::none) return std::nullopt;
  // It may have ended well although it was refused memory: Lua can do without some of it.
  auto problem =
      stop_ == Stop::none ? problem_on_top() : ScriptProblem{stop_file_, stop_line_, stop_reason()};
  lua_pop(state_, status == LUA_OK ? results : 1);
  return problem;
}

ScriptProblem Sandbox::problem_on_top() {
  std::size_t length = 0;
  const char* text = lua_type(state_, -1) == LUA_TSTRING ? lua_tolstring(state_, -1, &length) : nullptr;
  if (text == nullptr) return {"", 0, "failed without saying why"};
  auto problem = parse_message({text, length});
  problem.reason = presentable(problem.reason);
  return problem;
}

void Sandbox::stop(Stop stop) {
  if (stop_ != Stop::none) return;
  stop_ = stop;
  lua_Debug at;
  // The source's name is at most LUA_IDSIZE long; std::string's own memory is not the sandbox's.
  const bool known = current_position(state_, at);
  stop_file_ = known ? at.short_src : "";
  stop_line_ = known ? at.currentline : 0;
}

std::string Sandbox::stop_reason() const {
  const auto kib = [](std::size_t bytes) { return std::to_string(bytes / 1024) + " KiB"; };
  switch (stop_) {
    case Stop::time:
      return std::string(kRanTooLong) + std::to_string(limits_.time.count()) + " ms";
    case Stop::instructions:
      return std::string(kRanTooLong) + std::to_string(limits_.instructions) + " instructions";
    case Stop::memory:
      return "used more than " + kib(limits_.memory_bytes) + " of memory";
    case Stop::text:
      return "made a text of more than " + kib(limits_.text_bytes);
    case Stop::depth:
      return "calls itself too deeply";
    case Stop::none:
      break;
  }
  return {};
}

// ---- memory

void* Sandbox::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
  auto& sandbox = *static_cast<Sandbox*>(self);
  // For a new block Lua says its kind in place of the old size.
  const bool is_text = block == nullptr && old_size == LUA_TSTRING;
  const std::size_t held = block == nullptr ? 0 : old_size;
  if (new_size == 0) {
    sandbox.memory_.give_back(block, held);
    sandbox.in_use_ -= held;
    return nullptr;
  }
  const std::size_t growth = new_size > held ? new_size - held : 0;
  if (growth > 0 && sandbox.active_ && !sandbox.may_grow(growth, new_size, is_text)) return nullptr;
  void* given = sandbox.memory_.resize(block, held, new_size);
  if (given == nullptr) return nullptr;
  sandbox.asked_for_ += growth;
  sandbox.in_use_ += new_size;
  sandbox.in_use_ -= held;
  return given;
}

bool Sandbox::may_grow(std::size_t growth, std::size_t new_size, bool is_text) {
  allocated_ += new_size;
  // Out of time there is still memory for the error's message; out of memory there is none for anything.
  if (stop_ == Stop::time || stop_ == Stop::instructions) return new_size <= kLargeBlockBytes;
  if (stop_ != Stop::none) return false;
  if (in_use_ + growth > memory_limit_ || allocated_ > limits_.allocated_bytes) {
    lua_Debug at;
    stop(lua_getstack(state_, kDeep, &at) != 0 ? Stop::depth : Stop::memory);
    return false;
  }
  if (is_text && new_size > limits_.text_bytes + 64) {  // a text's header is not the script's
    stop(Stop::text);
    return false;
  }
  if (new_size > limits_.block_bytes) {
    lua_Debug at;
    stop(lua_getstack(state_, kDeep, &at) != 0 ? Stop::depth : Stop::memory);
    return false;
  }
  if (is_text && new_size > kLargeTextBytes) watch_closely();
  // Tables that are rebuilt over and over cost time inside of single instructions.
  return new_size < kLargeBlockBytes || !is_over_time();
}

void Sandbox::watch_closely() {
  if (limits_.keeps) holds_large_texts_ = true;
  if (step_ == kFineStep) return;
  step_ = kFineStep;
  lua_sethook(state_, &Sandbox::on_count, LUA_MASKCOUNT, step_);
}

void Sandbox::collect_some() {
  if (asked_for_ < kCollectorStepBytes) return;
  lua_gc(state_, LUA_GCSTEP, static_cast<int>(asked_for_ / 1024));
  asked_for_ = 0;
}

void Sandbox::collect_all() {
  lua_gc(state_, LUA_GCCOLLECT);
  asked_for_ = 0;
}

// ---- time

void Sandbox::on_count(lua_State* state, lua_Debug*) {
  Sandbox& sandbox = of(state);
  sandbox.instructions_ += sandbox.step_;
  if (sandbox.instructions_ > sandbox.limits_.instructions) {
    sandbox.stop(Stop::instructions);
    luaL_error(state, "too many instructions");
  }
  sandbox.check_time();
}

bool Sandbox::is_over_time() {
  const auto now = std::chrono::steady_clock::now();
  // Most calls end before they are asked for the first time, and so without a look at a clock.
  if (!timing_) {
    timing_ = true;
    deadline_ = now + limits_.time;
    processor_begin_ = thread_processor_time();
    return false;
  }
  if (now < deadline_) return false;
  const auto used = thread_processor_time() - processor_begin_;
  if (used < limits_.time) {
    deadline_ = now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(limits_.time - used);
    return false;
  }
  stop(Stop::time);
  return true;
}

void Sandbox::check_time() {
  if (active_ && is_over_time()) luaL_error(state_, "too much time");
}

// ---- messages

bool is_limit(const std::optional<ScriptProblem>& problem) {
  return problem && problem->reason.starts_with(kRanTooLong);
}

ScriptProblem parse_message(std::string_view message) {
  static constexpr std::string_view kSuffix = ".lua:";
  const auto suffix = message.substr(0, 64 + kSuffix.size()).find(kSuffix);
  if (suffix == std::string_view::npos) return {"", 0, std::string(message)};
  const std::string_view file = message.substr(0, suffix + kSuffix.size() - 1);
  const std::string_view rest = message.substr(suffix + kSuffix.size());
  int line = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), line);
  const auto digits = static_cast<std::size_t>(end - rest.data());
  if (error != std::errc{} || line < 1 || !rest.substr(digits).starts_with(": ") ||
      file.find_first_of(" \t\n'\"") != std::string_view::npos)
    return {"", 0, std::string(message)};
  return {std::string(file), line, std::string(rest.substr(digits + 2))};
}

}  // namespace payoutd::policy
