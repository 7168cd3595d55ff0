#pragma once
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error "payoutd plugins cannot be built with GCC before 13: it miscompiles C++20 coroutines. Use clang-19."
#endif
#ifdef BOOST_ASIO_DISABLE_VISIBILITY
#error "BOOST_ASIO_DISABLE_VISIBILITY breaks Asio across shared objects: timers would silently never fire."
#endif

#include <boost/asio/awaitable.hpp>

namespace payoutd {

/// What every asynchronous function of the SDK returns. Awaitables run on the provider process's single
/// thread; an exception thrown inside travels to whoever awaits.
template <class T>
using Awaitable = boost::asio::awaitable<T>;

}  // namespace payoutd
