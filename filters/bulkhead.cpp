// Bounds how many requests are under way at once: each has a slot until the last byte of its
// response. What finds none is refused, or waits for one.
#include "filters/key.hpp"
#include "filters/registry.hpp"
#include "filters/slots.hpp"

namespace filters {
namespace {

using base::Error;
using base::Fault;
using base::Millis;
using base::Reason;
using base::Task;
using base::Time;
using http::Next;
using http::Reply;
using http::Request;

constexpr std::uint64_t most = 1'000'000;

struct Options {
  std::uint64_t max_concurrent = 0;
  std::uint64_t max_queue = 0;
  Millis max_wait{0};
  Key key;
};

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      required(integer<Options>("max_concurrent", &Options::max_concurrent, 1, most, "",
                                "so many at once")),
      integer<Options>("max_queue", &Options::max_queue, 0, most, "0",
                       "so many more may wait, for each key"),
      duration<Options>("max_wait", &Options::max_wait, "0s", "for so long"),
      key_field<Options>(&Options::key, "slots for each; absent = one for all; see Expressions"),
  };
  return rows;
}

void check(const config::Node& node, const config::Reading& reading, const Options& options) {
  if (options.max_queue > 0 && options.max_wait == Millis{0})
    reading.mistake(node, "who waits in a queue has to know how long: write `max_wait` as well");
  if (options.max_wait > Millis{0} && options.max_queue == 0)
    reading.mistake(node, "nobody waits where no queue is: write `max_queue` as well");
}

class HeldSlot final : public http::Guard {
 public:
  explicit HeldSlot(Slots::Slot slot) : slot_(std::move(slot)) {}
  void ended(const http::Outcome&) noexcept override {}

 private:
  Slots::Slot slot_;  // which dies with this, at the scope's end
};

class Bulkhead final : public http::Filter {
 public:
  Bulkhead(const Options& options, std::shared_ptr<Slots> slots)
      : options_(options), slots_(std::move(slots)) {}

  Task<Reply> handle(Request& request, Next next) override {
    std::optional<Slots::Slot> slot =
        slots_->take(options_.key.of(request, key_room_), request.info.loop);
    if (slot) {
      hold(std::move(*slot), request);
      return next(request);
    }
    if (options_.max_queue > 0) return queued(request, next);
    return Reply(full("all slots are taken"));
  }

 private:
  static void hold(Slots::Slot slot, Request& request) {
    request.scope.hold(std::make_unique<HeldSlot>(std::move(slot)));
  }

  static Error full(std::string_view why) {
    Error error{Reason::bulkhead_full, Fault::proxy, why};
    error.retry_after = 1;
    return error;
  }

  Task<Reply> queued(Request& request, Next next) {
    std::optional<Slots::Slot> slot = co_await slot_of(request);
    if (!slot) co_return full("all slots are taken, and it could not wait for one");
    hold(std::move(*slot), request);
    co_return co_await next(request);
  }

  Task<std::optional<Slots::Slot>> slot_of(const Request& request) {
    base::Loop& loop = request.info.loop;
    const Time latest = loop.now() + options_.max_wait;
    Slots::Waiter waiter(*slots_, loop);
    std::optional<Slots::Slot> slot = slots_->join(options_.key.of(request, key_room_), waiter);
    while (waiter.is_waiting() && !slot && loop.now() < latest) {
      co_await waiter.turn.wait(latest);
      slot = waiter.claim();
    }
    co_return slot;
  }

  const Options& options_;
  const std::shared_ptr<Slots> slots_;
  std::string key_room_;
};

constexpr config::FilterSpec spec = config::needing_route(
    config::spec_of<table, check>("bulkhead", "limits how many requests are under way at once"),
    [](const void* options) { return static_cast<const Options*>(options)->key.needs_route(); });

}  // namespace

const Entry bulkhead = {
    &spec, [](const config::FilterConfig& config, const FilterContext& context) {
      const Options& options = config.as<Options>();
      auto slots = context.process<Slots>("bulkhead", [&] {
        return std::make_shared<Slots>(
            Slots::Settings{options.max_concurrent, options.max_queue, !options.key.is_empty()});
      });
      return std::unique_ptr<http::Filter>(std::make_unique<Bulkhead>(options, std::move(slots)));
    }};

}  // namespace filters
