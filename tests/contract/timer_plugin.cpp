// Proves that Asio is one across the executable and the plugin: a timer of the plugin fires on the runtime's
// executor, and error codes made by one side are recognised by the other.
#include <boost/asio/connect_pipe.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/beast/http/error.hpp>

#include "plugin_base.hpp"

namespace {

namespace asio = boost::asio;

class TimerPlugin final : public contract_tests::Base {
 public:
  using Base::Base;

  payoutd::Awaitable<void> probe() override {
    asio::steady_timer timer(services_.executor, std::chrono::milliseconds(20));
    co_await timer.async_wait(asio::use_awaitable);
    asio::readable_pipe reader(services_.executor);
    asio::writable_pipe writer(services_.executor);
    asio::connect_pipe(reader, writer);
    writer.close();
    char byte = 0;
    boost::system::error_code ended;
    co_await reader.async_read_some(asio::buffer(&byte, 1), asio::redirect_error(asio::use_awaitable, ended));
    if (ended != asio::error::eof) throw std::runtime_error("the end of a pipe is not asio::error::eof here");
    // Thrown to the runtime, which must recognise the type, category and text.
    throw boost::system::system_error(
        boost::beast::http::make_error_code(boost::beast::http::error::end_of_stream));
  }
};

}  // namespace

PAYOUTD_PLUGIN(TimerPlugin, contract_tests::base_schema)
