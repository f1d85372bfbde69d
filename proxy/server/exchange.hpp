// One request of a client and its answer, from head to log line. Lives in the frame of
// Listener::serve(); destroying that frame is how the client's leaving is told. Whatever ended it,
// it is counted and logged once, by its destructor. The worker's thread.
#pragma once

#include "proxy/base/counted.hpp"
#include "proxy/http/envelopes.hpp"
#include "proxy/http/filter.hpp"
#include "proxy/http/pump.hpp"
#include "proxy/http/rpc_form.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/server/frames_to_client.hpp"
#include "proxy/server/listener_policy.hpp"

#include <memory>
#include <optional>

namespace server {

class Exchange : public base::Link {
 public:
  // generation: what `policy` belongs to, kept until the exchange is over; none in tests.
  Exchange(base::Ref<base::Counted> generation, const ListenerPolicy& policy,
           http::Incoming&& incoming, http::ServerStream& stream);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  base::Task<> run();
  // The drain's time is over: a client that has no answer yet is told so. From the loop, in a task
  // of its own; the frame that this lives in is to be destroyed next.
  base::Task<> cut_short();

 private:
  std::optional<base::Error> prepare();
  std::optional<base::Error> prepare_path();
  std::optional<base::Error> prepare_headers();
  base::Task<http::Reply> reply();
  http::Response response_of(http::Reply&& answer);
  bool send_head(http::Response& response);
  void watch_envelopes(http::Response& response);
  base::Task<> send_body(http::Body& body);
  base::Task<> end_websocket(const base::Error& why);
  base::Task<> carry_rest(http::Body& body);
  void note_end(const http::Body& body, const http::Pumped& how);
  bool can_be_told_in_body() const;
  base::Task<> end_in_body(const base::Error& why);
  void note_grpc_status(int status);
  void note_failure(base::Reason reason);
  void stop_sending(const base::Error& why);
  void cut(const base::Error& why);
  void note_trace();
  void tell();

  const base::Ref<base::Counted> generation_;  // dies last
  const ListenerPolicy& policy_;
  http::ServerStream& stream_;
  std::optional<base::Error> refused_;
  http::StreamInfo info_;
  http::Scope scope_;
  http::Request request_;
  std::unique_ptr<FramesToClient> frames_;  // of a WebSocket
  bool is_head_sent_ = false;
  bool ends_with_status_ = false;  // gRPC's, in trailers: also if the message cannot be completed
  // Of an answer that ends with one in its body, gRPC-Web's or Connect's; else none.
  http::RpcForm closing_form_ = http::RpcForm::none;
  http::EnvelopePosition position_;  // in that body
  bool is_over_ = false;
};

}  // namespace server
