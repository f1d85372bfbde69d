// An exchange that has ended, as expressions ask for it. Its names, numbers and times are those of
// the access log. Of a StreamInfo whose thread it is.
#pragma once

#include "config/expression.hpp"
#include "proxy/http/stream_info.hpp"
#include "proxy/observe/access_log.hpp"

namespace observe {

class DescribedExchange final : public config::Described {
 public:
  // Both outlive it.
  DescribedExchange(const http::StreamInfo& info, const AccessRecord& record)
      : info_(info), record_(record) {}

  std::string_view text(config::ExchangeField field) const override;
  std::int64_t number(config::ExchangeField field) const override;

 private:
  const http::StreamInfo& info_;
  const AccessRecord& record_;
  mutable std::string source_;
  mutable http::TraceIdText trace_id_{};
};

}  // namespace observe
