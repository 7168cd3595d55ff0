#pragma once
#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "ctl/context.hpp"
#include "ctl/payout_file.hpp"

namespace payoutd::ctl {

/// What became of one row of a file.
struct RowOutcome {
  enum class Taken { not_sent, created, replayed, refused };
  Taken taken = Taken::not_sent;
  std::string error_code;  ///< refused: why
  std::string error_message;

  std::string id;
  std::string state;  ///< empty: not known yet
  std::string reason;
  std::string reason_text;
  std::string created_at;
  std::string finished_at;

  /// From a payout as the API shows it.
  void read(const boost::json::object& payout);
  bool final() const;
  /// HELD and REVIEW end only when an operator decides.
  bool waits_for_human() const { return state == "HELD" || state == "REVIEW"; }
};

struct Outcome {
  const std::vector<FileRow>& rows;
  const std::vector<RowOutcome>& outcomes;  ///< one for each row
  std::string batch;
  std::string file;
  std::chrono::milliseconds elapsed{0};
};

/// Tables by state and by reason, with times from admission to the end, and the rows that were not taken.
void print_outcome(const Outcome& outcome, std::ostream& out, const Style& style);
boost::json::object outcome_json(const Outcome& outcome);
/// line,key,id,state,reason,reason_text,error
void write_outcome_csv(const Outcome& outcome, std::ostream& out);

/// The value below which the given share of the sorted values lies; 0 of none.
std::int64_t percentile(const std::vector<std::int64_t>& sorted, double share);

/// Sums of amounts by currency, exact: `1200 XOF, 10.50 EUR`.
class Sums {
 public:
  void add(std::string_view amount, std::string_view currency);
  std::string text() const;
  boost::json::object json() const;

 private:
  struct Sum {
    std::int64_t whole = 0;
    std::int64_t units = 0;  ///< below one whole
  };
  static std::string text_of(const Sum& sum);
  std::map<std::string, Sum, std::less<>> sums_;
};

}  // namespace payoutd::ctl
