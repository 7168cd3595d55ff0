#pragma once
#include <chrono>
#include <cstdint>
#include <exception>
#include <lua.hpp>
#include <optional>
#include <string>
#include <type_traits>

#include "policy/lua_memory.hpp"
#include "policy/script_files.hpp"

namespace payoutd::policy {

/// What one call into Lua may use. The time is the thread's processor time: a machine that is busy with other
/// things makes no rule fail.
struct CallLimits {
  std::chrono::milliseconds time{20};
  std::int64_t instructions = 1'000'000;
  std::size_t memory_bytes = std::size_t{8} << 20;      ///< more than when the call began
  std::size_t allocated_bytes = std::size_t{32} << 20;  ///< asked for in total, given back or not
  std::size_t text_bytes = std::size_t{256} << 10;      ///< of one text
  std::size_t block_bytes = std::size_t{512} << 10;     ///< of one table's or stack's memory
  bool keeps = false;                                   ///< what it makes stays: a file is loaded
};

/// For all tests of one file together.
constexpr std::chrono::milliseconds kTestsTime{50};
/// What the calling thread has used so far.
std::chrono::nanoseconds thread_processor_time();

/// For loading a file: its code counts too.
constexpr CallLimits kLoadLimits{std::chrono::milliseconds{50},
                                 3'000'000,
                                 std::size_t{16} << 20,
                                 std::size_t{64} << 20,
                                 std::size_t{256} << 10,
                                 std::size_t{1} << 20,
                                 true};
/// For what the host does itself.
constexpr CallLimits kHostLimits{std::chrono::milliseconds{10'000},
                                 1'000'000'000,
                                 std::size_t{256} << 20,
                                 std::size_t{1} << 30,
                                 std::size_t{4} << 20,
                                 std::size_t{64} << 20};

/// A Lua state in which nothing that a script does can take long, grow large, or end otherwise than as a
/// problem. It begins empty: without a single global.
///
/// Between calls its stack holds nothing of the user's. Not for two threads at once.
class Sandbox {
 public:
  Sandbox();
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  /// The one that `state` belongs to.
  static Sandbox& of(lua_State* state) { return **static_cast<Sandbox**>(lua_getextraspace(state)); }
  lua_State* state() const noexcept { return state_; }

  /// Calls the function that lies below its arguments on the stack and leaves its results, or takes function
  /// and arguments away and says what went wrong.
  std::optional<ScriptProblem> call(int arguments, int results, const CallLimits& limits);

  /// Runs `body(lua_State*)`, which may raise Lua errors and throw exceptions: everything that can allocate
  /// happens inside. What it leaves on the stack is taken away.
  template <class Body>
  std::optional<ScriptProblem> protect(const CallLimits& limits, Body&& body) {
    lua_pushcfunction(state_, &run_body<std::remove_reference_t<Body>>);
    lua_pushlightuserdata(state_, &body);
    return call(1, 0, limits);
  }

  /// Raises an error if the call has used up its time. Functions that can be costly begin with it, because
  /// nothing stops them once they run.
  void check_time();

  /// Frees a part of what calls have left behind: a little after every few calls, so that none waits long.
  void collect_some();
  void collect_all();
  std::size_t bytes_in_use() const noexcept { return in_use_; }

 private:
  enum class Stop { none, time, instructions, memory, text, depth };

  template <class Body>
  static int run_body(lua_State* state) {
    auto* body = static_cast<Body*>(lua_touserdata(state, 1));
    try {
      (*body)(state);
      return 0;
    } catch (const std::exception& error) {  // Lua's own errors are none
      lua_pushstring(state, error.what());
    }
    return lua_error(state);
  }

  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);
  static void on_count(lua_State* state, lua_Debug*);
  bool may_grow(std::size_t growth, std::size_t new_size, bool is_text);
  bool is_over_time();
  void begin(const CallLimits& limits);
  void watch_closely();
  void stop(Stop stop);
  std::string stop_reason() const;
  ScriptProblem problem_on_top();

  LuaMemory memory_;
  lua_State* state_ = nullptr;
  std::size_t in_use_ = 0;
  std::size_t asked_for_ = 0;  ///< since the last step of the collector

  CallLimits limits_;
  bool active_ = false;
  bool holds_large_texts_ = false;  ///< since a file was loaded
  bool timing_ = false;             ///< the clocks have been read in this call
  int step_ = 0;                    ///< instructions between two checks
  std::int64_t instructions_ = 0;
  std::size_t memory_limit_ = 0;
  std::size_t allocated_ = 0;
  std::chrono::steady_clock::time_point deadline_;
  std::chrono::nanoseconds processor_begin_{0};
  Stop stop_ = Stop::none;
  std::string stop_file_;
  int stop_line_ = 0;
};

/// Makes a C function of Lua's from one that throws C++ exceptions too.
template <int (*Function)(lua_State*)>
int guarded(lua_State* state) {
  try {
    return Function(state);
  } catch (const std::exception& error) {
    luaL_where(state, 1);
    lua_pushstring(state, error.what());
  }
  lua_concat(state, 2);
  return lua_error(state);
}

/// The call ran into its limit of time or of instructions: it would do so again.
bool is_limit(const std::optional<ScriptProblem>& problem);

/// Reads `abuse/velocity.lua:12: reason`; without a file where the text does not begin so.
ScriptProblem parse_message(std::string_view message);

}  // namespace payoutd::policy
