#include "faults.hpp"

#include <algorithm>
#include <array>

namespace simulator {
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;

struct KindName {
  FaultKind kind;
  std::string_view name;
};

constexpr std::array kKindNames{
    KindName{FaultKind::kRefuseConnection, "refuse_connection"},
    KindName{FaultKind::kResetOnAccept, "reset_on_accept"},
    KindName{FaultKind::kNeverAnswer, "never_answer"},
    KindName{FaultKind::kCutBeforePaying, "cut_before_paying"},
    KindName{FaultKind::kAnswer500BeforePaying, "answer_500_before_paying"},
    KindName{FaultKind::kAnswer503Html, "answer_503_html"},
    KindName{FaultKind::kRedirect, "redirect"},
    KindName{FaultKind::kAnswer401, "answer_401"},
    KindName{FaultKind::kAnswer403, "answer_403"},
    KindName{FaultKind::kAnswer429, "answer_429"},
    KindName{FaultKind::kNeverAnswerAfterPaying, "never_answer_after_paying"},
    KindName{FaultKind::kPayAndCut, "pay_and_cut"},
    KindName{FaultKind::kAnswer500AfterPaying, "answer_500_after_paying"},
    KindName{FaultKind::kSlow, "slow"},
    KindName{FaultKind::kSlowDrip, "slow_drip"},
    KindName{FaultKind::kGarbage, "garbage"},
    KindName{FaultKind::kTruncated, "truncated"},
    KindName{FaultKind::kWrongTypes, "wrong_types"},
    KindName{FaultKind::kHugeBody, "huge_body"},
    KindName{FaultKind::kLostThenLate, "lost_then_late"},
    KindName{FaultKind::kStatusFlap, "status_flap"},
    KindName{FaultKind::kDuplicateCallback, "duplicate_callback"},
    KindName{FaultKind::kOutOfOrderCallback, "out_of_order_callback"},
    KindName{FaultKind::kDelayedCallback, "delayed_callback"},
    KindName{FaultKind::kNoCallback, "no_callback"},
};

constexpr milliseconds kDefaultSlow{2000};
constexpr milliseconds kDefaultDrip{50};
constexpr milliseconds kDefaultLate{3000};
constexpr milliseconds kDefaultCallbackDelay{1000};
constexpr std::uint64_t kDefaultHugeBody = 64ULL << 20U;

FaultKind read_kind(const json::object& command) {
  const auto* name = command.if_contains("fault");
  if (name != nullptr && name->is_string()) {
    for (const auto& known : kKindNames) {
      if (known.name == name->get_string()) return known.kind;
    }
  }
  std::string message = "fault: must be one of";
  for (const auto& known : kKindNames) message.append(" ").append(known.name);
  throw BadFault(message);
}

std::optional<std::string> read_text(const json::object& command, std::string_view field) {
  const auto* value = command.if_contains(field);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) throw BadFault(std::string{field} + ": must be a string");
  return std::string{value->get_string()};
}

std::optional<std::uint64_t> read_count(const json::object& command, std::string_view field) {
  const auto* value = command.if_contains(field);
  if (value == nullptr || value->is_null()) return std::nullopt;
  boost::system::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  if (error) throw BadFault(std::string{field} + ": must be a whole number, 0 or more");
  return number;
}

std::optional<milliseconds> read_milliseconds(const json::object& command, std::string_view field) {
  const auto count = read_count(command, field);
  if (!count) return std::nullopt;
  if (*count > 86'400'000) throw BadFault(std::string{field} + ": must be at most a day in milliseconds");
  return milliseconds{static_cast<milliseconds::rep>(*count)};
}

milliseconds default_delay(FaultKind kind) {
  switch (kind) {
    case FaultKind::kSlow:
      return kDefaultSlow;
    case FaultKind::kSlowDrip:
      return kDefaultDrip;
    case FaultKind::kLostThenLate:
      return kDefaultLate;
    case FaultKind::kDelayedCallback:
    case FaultKind::kOutOfOrderCallback:
      return kDefaultCallbackDelay;
    default:
      return milliseconds{0};
  }
}

void refuse_unknown_fields(const json::object& command) {
  constexpr std::array<std::string_view, 13> kFields{
      "fault",       "protocol", "operation",   "payee", "external_id", "reference", "count",
      "probability", "delay_ms", "duration_ms", "reset", "code",        "body_bytes"};
  for (const auto& field : command) {
    const std::string_view name{field.key()};
    if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) {
      throw BadFault(std::string{name} + ": unknown field");
    }
  }
}

void read_probability(const json::object& command, Fault& fault) {
  const auto* value = command.if_contains("probability");
  if (value == nullptr) return;
  boost::system::error_code error;
  fault.probability = value->to_number<double>(error);
  if (error || !(fault.probability >= 0.0 && fault.probability <= 1.0)) {
    throw BadFault("probability: must be a number from 0 to 1");
  }
}

void check_operation(const Fault& fault, const std::vector<std::string_view>& operations) {
  if (fault.operation == "any") return;
  if (std::find(operations.begin(), operations.end(), fault.operation) != operations.end()) return;
  std::string message = "operation: must be one of any";
  for (const auto& known : operations) message.append(" ").append(known);
  throw BadFault(message);
}

bool matches(const Fault& fault, const Faults::Subject& subject) {
  if (fault.kind == FaultKind::kLostThenLate && !subject.moves_money) return false;
  if (fault.kind == FaultKind::kStatusFlap && !subject.known_reference) return false;
  return (fault.protocol == "any" || fault.protocol == subject.protocol) &&
         (fault.operation == "any" || fault.operation == subject.operation) &&
         (!fault.payee || *fault.payee == subject.payee) &&
         (!fault.external_id || *fault.external_id == subject.external_id) &&
         (!fault.reference || *fault.reference == subject.reference);
}

}  // namespace

std::string_view to_text(FaultKind kind) {
  for (const auto& known : kKindNames) {
    if (known.kind == kind) return known.name;
  }
  return "?";
}

FaultStage stage_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::kRefuseConnection:
    case FaultKind::kResetOnAccept:
      return FaultStage::kConnection;
    case FaultKind::kDuplicateCallback:
    case FaultKind::kOutOfOrderCallback:
    case FaultKind::kDelayedCallback:
    case FaultKind::kNoCallback:
      return FaultStage::kCallback;
    default:
      return FaultStage::kRequest;
  }
}

Fault read_fault(const json::value& command, const std::vector<std::string_view>& operations) {
  if (!command.is_object()) throw BadFault("the command must be a JSON object");
  const auto& object = command.get_object();
  refuse_unknown_fields(object);
  Fault fault;
  fault.kind = read_kind(object);
  fault.protocol = read_text(object, "protocol").value_or("any");
  fault.operation = read_text(object, "operation").value_or("any");
  check_operation(fault, operations);
  fault.payee = read_text(object, "payee");
  fault.external_id = read_text(object, "external_id");
  fault.reference = read_text(object, "reference");
  read_probability(object, fault);
  fault.remaining = read_count(object, "count");
  if (!fault.remaining && fault.kind == FaultKind::kStatusFlap)
    fault.remaining = 1;  // a flap is one wrong answer
  fault.delay = read_milliseconds(object, "delay_ms").value_or(default_delay(fault.kind));
  fault.duration = read_milliseconds(object, "duration_ms");
  if (const auto* reset = object.if_contains("reset")) {
    if (!reset->is_bool()) throw BadFault("reset: must be true or false");
    fault.reset = reset->get_bool();
  }
  fault.code = read_text(object, "code").value_or(std::string{});
  fault.body_bytes = read_count(object, "body_bytes").value_or(kDefaultHugeBody);
  return fault;
}

json::object to_json(const Fault& fault) {
  json::object object{{"id", fault.id},
                      {"fault", to_text(fault.kind)},
                      {"protocol", fault.protocol},
                      {"operation", fault.operation},
                      {"probability", fault.probability},
                      {"delay_ms", fault.delay.count()},
                      {"applied", fault.applied}};
  if (fault.payee) object["payee"] = *fault.payee;
  if (fault.external_id) object["external_id"] = *fault.external_id;
  if (fault.reference) object["reference"] = *fault.reference;
  if (fault.remaining) object["count"] = *fault.remaining;
  if (fault.duration) object["duration_ms"] = fault.duration->count();
  return object;
}

std::uint64_t Faults::add(Fault fault) {
  fault.id = next_id_++;
  faults_.push_back(std::move(fault));
  return faults_.back().id;
}

bool Faults::remove(std::uint64_t id) {
  return std::erase_if(faults_, [id](const Fault& fault) { return fault.id == id; }) > 0;
}

std::optional<Fault> Faults::pick(FaultStage stage, const Subject& subject) {
  for (auto& fault : faults_) {
    if (stage_of(fault.kind) != stage || fault.remaining == 0U) continue;
    if (fault.kind == FaultKind::kRefuseConnection)
      continue;  // in force at the listening socket, not per request
    if (!matches(fault, subject)) continue;
    // The draw belongs to the fault and to how often it was considered, so it repeats with the order of
    // requests.
    const auto draw = seed_.fraction("fault", std::to_string(fault.id), fault.considered++);
    if (draw >= fault.probability) continue;
    if (fault.remaining) --*fault.remaining;
    ++fault.applied;
    return fault;
  }
  return std::nullopt;
}

}  // namespace simulator
