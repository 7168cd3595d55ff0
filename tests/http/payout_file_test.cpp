#include "ctl/payout_file.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace payoutd::ctl;

namespace {

PayoutFile csv(std::string_view text, const std::string& batch = "b") {
  return read_payout_file(text, {.form = FileOptions::Form::csv, .batch = batch});
}
PayoutFile lines(std::string_view text, const std::string& batch = "b") {
  return read_payout_file(text, {.form = FileOptions::Form::lines, .batch = batch});
}

std::string problems_of(const PayoutFile& file) {
  std::string all;
  for (const FileProblem& problem : file.problems) all += problem.text("f") + "\n";
  return all;
}

struct BadFile {
  std::string text;
  std::string batch;
  std::string problem;
  bool unusable;
};

}  // namespace

TEST_CASE("a CSV file is read with its lines, keys and batch") {
  const PayoutFile file =
      csv("\xef\xbb\xbfKey, Amount ,currency,destination,note\r\n"
          "k-1,1500,XOF,22507000001,\"rent, \"\"May\"\"\nand June\"\r\n"
          "\r\n"
          "k-2,10.50,EUR,22507000002,\r\n",
          "");
  // A line break is a control character in a note, so the first row is refused with the line where it begins.
  CHECK(problems_of(file) == "f:2: note: contains a control character\n");
  REQUIRE(file.rows.size() == 1);
  CHECK(file.rows[0].line == 5);
  CHECK(file.rows[0].row == 2);
  CHECK(file.rows[0].key == "k-2");
  CHECK(boost::json::value(file.rows[0].payout) ==
        boost::json::parse(
            R"({"amount":"10.50","currency":"EUR","destination":"22507000002","idempotency_key":"k-2"})"));
}

TEST_CASE("without a key column the batch and the row make the keys") {
  const PayoutFile file = csv("amount,currency,destination\n1,XOF,1\nx,XOF,2\n3,XOF,3", "may");
  REQUIRE(file.rows.size() == 2);
  CHECK(file.rows[0].key == "may:1");
  CHECK(file.rows[1].key ==
        "may:3");  // a bad row keeps its number, so that correcting it changes no other key
  CHECK(file.rows[1].payout.at("batch").as_string() == "may");
}

TEST_CASE("quoted fields follow RFC 4180") {
  std::vector<FileProblem> problems;
  const auto records = read_csv("a,\"b\"\"c\",\"d,e\"\r\n\"x\ny\",,\n\"\"\n,\n", problems);
  CHECK(problems.empty());
  REQUIRE(records.size() == 3);
  CHECK(records[0].fields == std::vector<std::string>{"a", "b\"c", "d,e"});
  CHECK(records[1].fields == std::vector<std::string>{"x\ny", "", ""});
  CHECK(records[1].line == 2);
  CHECK(records[2].line == 5);
}

TEST_CASE("what is wrong with a CSV file is said with line and column") {
  const std::string head = "amount,currency,destination,key\n";
  const auto bad = GENERATE_COPY(values<BadFile>({
      {"", "b", "f:1: the file is empty", true},
      {"\n\n", "b", "f:1: the file is empty", true},
      {"amount,currency,destinaton\n", "b",
       "f:1: column 3: 'destinaton' is not a column, did you mean 'destination'?", true},
      {"amount,currency,destination,amount\n", "b", "f:1: column 4: 'amount' stands twice", true},
      {"amount,currency\n", "b", "f:1: the column 'destination' is missing", true},
      {"1500,XOF,22507000001\n", "b", "f:1: column 1: '1500' is not a column", true},
      {"amount,currency,destination\n1,XOF,1\n", "", "f:1: there is no column 'key'", true},
      {head + "1,XOF,\"22\n2,XOF,1,a\n", "", "f:2: a quote is opened and never closed", true},
      {head + "1,XOF,\"22\"x,a\n", "", "f:2: there is text behind a closing quote", true},
      {head + "1,XOF,2\"2,a\n", "", "f:2: there is a quote inside a field", true},
      {head + "1,XOF,22,a,more\n", "", "f:2: has 5 fields, but the header names 4", false},
      {head + "1,XOF\n", "", "f:2: has 2 fields, but the header names 4", false},
      {head + "0,XOF,22,a\n", "", "f:2: amount: ", false},
      {head + "1.5,XOF,22,a\n", "", "f:2: amount: ", false},
      {head + "1 000,XOF,22,a\n", "", "f:2: amount: ", false},
      {head + "1,XXQ,22,a\n", "", "f:2: currency: ", false},
      {head + "1,XOF,,a\n", "", "f:2: destination: is missing", false},
      {head + "1,XOF,22,\n", "", "f:2: key: is missing", false},
      {head + "1,XOF,22,a b\n", "", "f:2: key: may contain printable ASCII", false},
      {head + "1,XOF,\xff\xfe,a\n", "", "f:2: destination: is not valid UTF-8", false},
      {head + "1,XOF,22,a\n1,XOF,23,b\n1,XOF,24,a\n", "", "f:4: key: 'a' stands in line 2 already", false},
  }));
  INFO(bad.text);
  const PayoutFile file = csv(bad.text, bad.batch);
  REQUIRE_FALSE(file.problems.empty());
  CHECK_THAT(problems_of(file), Catch::StartsWith(bad.problem));
  CHECK(file.unusable == bad.unusable);
  if (bad.unusable) CHECK(file.rows.empty());
}

TEST_CASE("all problems of a file are listed, in order") {
  const PayoutFile file = csv("amount,currency,destination\n0,XOF,1\n1,XOF,2\n1,ABC,3\n1\n");
  CHECK(file.row_count == 4);
  CHECK(file.rows.size() == 1);
  CHECK(file.problems.size() == 3);
  CHECK(file.problems[0].line == 2);
  CHECK(file.problems[2].line == 5);
}

TEST_CASE("lines of JSON are read the same way") {
  const PayoutFile file =
      lines(R"({"amount":"1","currency":"XOF","destination":"22","key":"k","metadata":{"a":"b"}})"
            "\n\n"
            R"({"amount":1,"currency":"XOF","destination":"22"})"
            "\nnonsense\n[]\n"
            R"({"amount":"1","currency":"XOF","destination":"22","kee":"x"})");
  REQUIRE(file.rows.size() == 1);
  CHECK(file.rows[0].key == "k");
  CHECK(file.rows[0].payout.at("metadata").as_object().size() == 1);
  const std::string all = problems_of(file);
  CHECK_THAT(all, Catch::Contains("f:3: amount: must be a string"));
  CHECK_THAT(all, Catch::Contains("f:4: is not valid JSON"));
  CHECK_THAT(all, Catch::Contains("f:5: is not a JSON object"));
  CHECK_THAT(all, Catch::Contains("f:6: kee: "));
  CHECK(problems_of(lines(R"({"amount":"1","currency":"XOF","destination":"22"})", "")) ==
        "f:1: key: is missing\n");
  CHECK(lines("").unusable);
}

TEST_CASE("what escapes are written to an outcome file is read back") {
  for (const std::string text : {"plain", "a,b", "say \"x\"", "two\nlines", ""}) {
    std::vector<FileProblem> problems;
    const auto records = read_csv("x," + csv_field(text) + "\n", problems);
    REQUIRE(problems.empty());
    CHECK(records.at(0).fields.at(1) == text);
  }
}
