#include "ctl/archive.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace payoutd::ctl {
namespace {

constexpr std::size_t kBlock = 512;

void put(std::array<char, kBlock>& header, std::size_t at, std::size_t size, std::string_view text) {
  std::copy_n(text.data(), std::min(size, text.size()), header.data() + at);
}

/// As many octal digits as fit, with a zero byte behind.
std::string octal(std::uint64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

// The fields stand where POSIX.1-1988 put them: pax(1), "ustar Interchange Format".
std::array<char, kBlock> header_of(const ArchivedFile& file, std::int64_t modified_s) {
  std::array<char, kBlock> header{};
  put(header, 0, 100, file.name);
  put(header, 100, 8, octal(0600, 7));
  put(header, 108, 8, octal(0, 7));
  put(header, 116, 8, octal(0, 7));
  put(header, 124, 12, octal(file.content.size(), 11));
  put(header, 136, 12, octal(static_cast<std::uint64_t>(modified_s), 11));
  put(header, 148, 8, "        ");
  header[156] = '0';
  put(header, 257, 6, "ustar");
  put(header, 263, 2, "00");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(header, 148, 8, octal(sum, 6));
  header[154] = '\0';
  return header;
}

void append_u32(std::string& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

}  // namespace

std::string tar(const std::vector<ArchivedFile>& files, std::int64_t modified_s) {
  std::string out;
  for (const ArchivedFile& file : files) {
    const auto header = header_of(file, modified_s);
    out.append(header.data(), header.size());
    out += file.content;
    out.append((kBlock - file.content.size() % kBlock) % kBlock, '\0');
  }
  return out.append(2 * kBlock, '\0');
}

std::string gzip(std::string_view bytes) {
  namespace zlib = boost::beast::zlib;
  std::string out("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10);
  zlib::deflate_stream stream;
  std::string packed(stream.upper_bound(bytes.size()) + 64, '\0');
  zlib::z_params params;
  params.next_in = bytes.data();
  params.avail_in = bytes.size();
  params.next_out = packed.data();
  params.avail_out = packed.size();
  boost::beast::error_code failed;
  stream.write(params, zlib::Flush::finish, failed);
  if (failed != zlib::error::end_of_stream)
    throw std::runtime_error("the archive cannot be compressed: " + failed.message());
  out.append(packed, 0, params.total_out);
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  append_u32(out, crc.checksum());
  append_u32(out, static_cast<std::uint32_t>(bytes.size()));
  return out;
}

}  // namespace payoutd::ctl
