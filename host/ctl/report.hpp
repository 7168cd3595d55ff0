#pragma once
#include <boost/json/object.hpp>
#include <iosfwd>

#include "ctl/output.hpp"

namespace payoutd::ctl {

/// GET /v1/payouts/{id}/explain as an incident report: headline, timeline, evidence, what happens next, who
/// may act and with which commands.
void print_explanation(const boost::json::object& explanation, std::ostream& out, const Style& style);

/// One payout, field by field.
void print_payout(const boost::json::object& payout, std::ostream& out, const Style& style);

/// A page of payouts as a table.
void print_payouts(const boost::json::array& payouts, std::ostream& out, const Style& style);

void print_events(const boost::json::array& events, std::ostream& out, const Style& style);
void print_providers(const boost::json::array& providers, std::ostream& out, const Style& style);
/// One provider, field by field.
void print_provider(const boost::json::object& provider, std::ostream& out, const Style& style);
void print_hosts(const boost::json::array& hosts, std::ostream& out, const Style& style);
void print_tally(const boost::json::array& tally, std::ostream& out, const Style& style);

}  // namespace payoutd::ctl
