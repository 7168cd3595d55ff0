#include "store/errors.hpp"

#include <optional>
#include <pqxx/pqxx>

namespace payoutd::store {
namespace {

// The fields of a verbose libpq message:
//   ERROR:  23505: duplicate key value violates unique constraint "payouts_pkey"
//   DETAIL:  Key (id)=(…) already exists.
//   CONSTRAINT NAME:  payouts_pkey
struct ServerMessage {
  bool fatal = false;
  std::string sqlstate;
  std::string primary;
  std::string detail;
  std::string constraint;
};

// Five of 0-9 and A-Z, never letters only: that would be a word such as FATAL.
bool looks_like_sqlstate(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto allowed = [&](char c) { return digit(c) || (c >= 'A' && c <= 'Z'); };
  return text.size() == 5 && std::all_of(text.begin(), text.end(), allowed) &&
         std::any_of(text.begin(), text.end(), digit);
}

std::string_view after_prefix(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return {};
  line.remove_prefix(prefix.size());
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  return line;
}

// The severity word may be translated by the server, the SQLSTATE behind it is not.
void read_primary(std::string_view line, ServerMessage& message) {
  const auto fatal = line.find("FATAL:");
  const auto panic = line.find("PANIC:");
  message.fatal = fatal != std::string_view::npos || panic != std::string_view::npos;
  for (auto colon = line.find(':'); colon != std::string_view::npos; colon = line.find(':', colon + 1)) {
    auto rest = line.substr(colon + 1);
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    if (rest.size() > 6 && rest[5] == ':' && looks_like_sqlstate(rest.substr(0, 5))) {
      message.sqlstate = rest.substr(0, 5);
      rest.remove_prefix(6);
      while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
      message.primary = rest;
      return;
    }
  }
  message.primary = line;
}

ServerMessage parse(std::string_view text) {
  ServerMessage message;
  bool first = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    if (std::exchange(first, false)) read_primary(line, message);
    if (auto detail = after_prefix(line, "DETAIL:"); !detail.empty()) message.detail = detail;
    if (auto name = after_prefix(line, "CONSTRAINT NAME:"); !name.empty()) message.constraint = name;
  }
  return message;
}

// Messages of class 22 quote the value that could not be read; it may be a phone number.
std::string without_quoted_values(std::string_view text) {
  std::string masked;
  bool inside = false;
  for (const char c : text) {
    if (c == '"') {
      masked += inside ? "\"" : "\"…";
      inside = !inside;
    } else if (!inside) {
      masked += c;
    }
  }
  return masked;
}

std::string_view class_of(std::string_view sqlstate) {
  return sqlstate.substr(0, 2);
}

template <class Error>
std::exception_ptr make(const ServerMessage& message) {
  const auto text =
      message.sqlstate.empty() ? message.primary : message.primary + " (SQLSTATE " + message.sqlstate + ")";
  return std::make_exception_ptr(Error(text, message.sqlstate));
}

// While connecting, libpq gives no SQLSTATE, only the server's sentence. A server that speaks another
// language is then reported as a plain ConnectionFailed, which is handled alike.
std::string sqlstate_from_connect_text(std::string_view text) {
  const auto says = [&](std::string_view words) { return text.find(words) != std::string_view::npos; };
  if (says("too many clients") || says("too many connections") || says("remaining connection slots") ||
      says("no more connections allowed"))
    return "53300";
  if (says("the database system is") || says("57P03")) return "57P03";
  if (says("terminating connection due to administrator command")) return "57P01";
  if (says("session is read-only") || says("session is not read-only")) return "25006";
  return {};
}

std::exception_ptr unavailable(const ServerMessage& message) {
  const auto& state = message.sqlstate;
  if (state == "57P01" || state == "57P02" || state == "57P03") return make<ServerShutdown>(message);
  if (state == "53300") return make<TooManyConnections>(message);
  if (state == "25006") return make<ReadOnly>(message);
  if (state == "53100") return make<StorageFull>(message);
  return make<ConnectionFailed>(message);
}

std::exception_ptr lost_connection(std::string_view text, CommitRisk risk,
                                   std::string_view connection_error) {
  auto message = parse(connection_error.empty() ? text : connection_error);
  if (message.primary.empty()) message.primary = "the connection to the database broke";
  if (message.sqlstate.empty()) message.sqlstate = sqlstate_from_connect_text(connection_error);
  if (message.sqlstate.empty()) message.sqlstate = sqlstate_from_connect_text(text);
  return risk == CommitRisk::possible ? make<InDoubt>(message) : unavailable(message);
}

std::exception_ptr from_sqlstate(ServerMessage message, CommitRisk risk) {
  const std::string_view state = message.sqlstate;
  // A FATAL message ends the session: whether a commit came before it cannot be seen from here.
  if (message.fatal && risk == CommitRisk::possible) return make<InDoubt>(message);
  if (state == "40003") return make<InDoubt>(message);
  // 54: what is too large for the server, such as for an index, is too large each time.
  if (class_of(state) == "22" || class_of(state) == "23" || class_of(state) == "54") {
    auto text = class_of(state) == "22" ? without_quoted_values(message.primary) : message.primary;
    text += " (SQLSTATE " + message.sqlstate + ")";
    return std::make_exception_ptr(DataError(text, message.sqlstate, message.constraint, message.detail));
  }
  if (class_of(state) == "40" || state == "55P03") return make<Conflict>(message);
  if (state == "57014") return make<StatementCancelled>(message);
  if (state == "57P01" || state == "57P02" || state == "57P03" || state == "53300" || state == "25006" ||
      state == "53100" || class_of(state) == "08")
    return unavailable(message);
  if (class_of(state) == "53" || class_of(state) == "58") return make<Unavailable>(message);
  return make<StoreError>(message);
}

std::exception_ptr from_sql_error(const pqxx::sql_error& error, CommitRisk risk) {
  auto message = parse(error.what());
  if (!error.sqlstate().empty()) message.sqlstate = error.sqlstate();
  if (message.sqlstate.empty()) return lost_connection(error.what(), risk, {});
  return from_sqlstate(std::move(message), risk);
}

}  // namespace

std::exception_ptr translate_error(std::exception_ptr error, CommitRisk risk,
                                   std::string_view connection_error) {
  try {
    std::rethrow_exception(error);
  } catch (const StoreError&) {
    return error;
  } catch (const pqxx::in_doubt_error& e) {
    return lost_connection(e.what(), CommitRisk::possible, connection_error);
  } catch (const pqxx::statement_completion_unknown& e) {
    return lost_connection(e.what(), CommitRisk::possible, connection_error);
  } catch (const pqxx::transaction_rollback& e) {
    auto message = parse(e.what());
    if (message.sqlstate.empty()) message.sqlstate = "40001";
    return from_sqlstate(std::move(message), risk);
  } catch (const pqxx::too_many_connections& e) {
    auto message = parse(e.what());
    message.sqlstate = "53300";
    return from_sqlstate(std::move(message), risk);
  } catch (const pqxx::sql_error& e) {
    return from_sql_error(e, risk);
  } catch (const pqxx::broken_connection& e) {
    return lost_connection(e.what(), risk, connection_error);
  } catch (const pqxx::failure& e) {
    // libpq gave no result at all: out of memory, or the query could not be handed to the socket.
    return lost_connection(e.what(), risk, connection_error);
  } catch (...) {
    return error;
  }
}

bool breaks_connection(const std::exception_ptr& error) {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const InDoubt&) {
    return true;
  } catch (const ConnectionFailed&) {
    return true;
  } catch (const ServerShutdown&) {
    return true;
  } catch (const ReadOnly&) {
    return true;  // a new connection finds the new primary when the DSN names several hosts
  } catch (...) {
    return false;
  }
}

}  // namespace payoutd::store
