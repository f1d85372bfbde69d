#include "proxy/observe/described_exchange.hpp"

namespace observe {
namespace {

using config::ExchangeField;

std::int64_t micros(base::Duration time) {
  return std::max<std::int64_t>(0, time / std::chrono::microseconds{1});
}

}  // namespace

std::string_view DescribedExchange::text(ExchangeField field) const {
  switch (field) {
    case ExchangeField::listener:
      return info_.listener;
    case ExchangeField::direction:
      return info_.is_outbound ? "outbound" : "inbound";
    case ExchangeField::route:
      return info_.route;
    case ExchangeField::method:
      return record_.method;
    case ExchangeField::host:
      return record_.host;
    case ExchangeField::path:
      return record_.path;
    case ExchangeField::protocol:
      return info_.connection.protocol;
    case ExchangeField::reason:
      return base::to_string(info_.reason);
    case ExchangeField::retry_denied:
      return info_.retry_denied;
    case ExchangeField::cluster:
      return info_.cluster;
    case ExchangeField::endpoint:
      return info_.attempt.endpoint;
    case ExchangeField::request_id:
      return info_.kept_request_id;
    case ExchangeField::trace_id:
      if (info_.trace.id.is_none()) return {};
      trace_id_ = http::text_of(info_.trace.id);
      return http::view(trace_id_);
    case ExchangeField::peer_id:
      return info_.connection.peer_id;
    case ExchangeField::source: {
      const base::Address& source = info_.source();
      source_ = source.is_unix() ? source.to_string() : source.ip();
      return source_;
    }
    default:
      return {};
  }
}

std::int64_t DescribedExchange::number(ExchangeField field) const {
  const http::Attempt& attempt = info_.attempt;
  switch (field) {
    case ExchangeField::status:
      return info_.status == 0 ? -1 : info_.status;
    case ExchangeField::grpc_status:
      return info_.grpc_status;
    case ExchangeField::attempts:
      return info_.attempts;
    case ExchangeField::reused:
      return info_.attempts == 0 ? -1 : attempt.was_reused ? 1 : 0;
    case ExchangeField::bytes_in:
      return static_cast<std::int64_t>(info_.bytes_in);
    case ExchangeField::bytes_out:
      return static_cast<std::int64_t>(info_.bytes_out);
    case ExchangeField::ms_total:
      return micros(record_.ended - info_.started);
    case ExchangeField::ms_queue:
      return attempt.queued == base::never ? -1 : micros(attempt.queue_time);
    case ExchangeField::ms_connect:
      return attempt.connect_time == base::Duration::zero() ? -1 : micros(attempt.connect_time);
    case ExchangeField::ms_first_byte:
      return info_.first_byte == base::never ? -1 : micros(info_.first_byte - info_.started);
    default:
      return -1;
  }
}

}  // namespace observe
