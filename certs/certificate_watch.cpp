#include "certs/certificate_watch.hpp"

#include "certs/expiry.hpp"
#include "certs/files_state.hpp"

#include <algorithm>
#include <utility>

namespace certs {
struct CertificateWatch::Entry {
  std::string what;
  std::vector<std::string> files;
  Load load;
  Take take;
  std::shared_ptr<const certs::TlsContext> context;  // in use
  std::string state;  // of the files, as last seen; whoever looks changes it
};

void CertificateWatch::add(std::string what, std::vector<std::string> files, Load load, Take take,
                           std::shared_ptr<const certs::TlsContext> now) {
  std::string state = now ? now->files_state : state_of(files);
  entries_.push_back(
      std::make_shared<Entry>(Entry{std::move(what), std::move(files), std::move(load),
                                    std::move(take), std::move(now), std::move(state)}));
}

std::vector<std::pair<std::string, std::int64_t>> CertificateWatch::expiries() const {
  std::vector<std::pair<std::string, std::int64_t>> all;
  for (const std::shared_ptr<Entry>& entry : entries_)
    if (entry->context && entry->context->not_after != 0)
      all.emplace_back(entry->what, entry->context->not_after);
  return all;
}

std::vector<std::string> CertificateWatch::remarks(std::int64_t now) const {
  std::vector<std::string> all;
  for (const std::shared_ptr<Entry>& entry : entries_) {
    if (!entry->context || entry->context->not_after == 0) continue;
    const std::string remark = remark_on(entry->context->get(), now);
    if (!remark.empty()) all.push_back(entry->what + ": its certificate " + remark);
  }
  return all;
}

std::function<std::vector<CertificateWatch::Change>()> CertificateWatch::look() const {
  return [entries = entries_] {
    std::vector<Change> changes;
    for (const std::shared_ptr<Entry>& entry : entries) {
      std::string state = state_of(entry->files);
      if (state == entry->state) continue;
      entry->state = std::move(state);
      changes.push_back({entry, entry->load()});
    }
    return changes;
  };
}

void CertificateWatch::take(const std::vector<Change>& changes, const Say& info,
                            const Say& warning) {
  for (const Change& change : changes) {
    const auto found = std::find(entries_.begin(), entries_.end(), change.of);
    if (found == entries_.end()) continue;
    Entry& entry = **found;
    const certs::LoadedContext& loaded = change.loaded;
    if (!loaded.context) {
      warning(entry.what +
              ": certificates changed but cannot be used, the old ones stay: " + loaded.problem);
      continue;
    }
    entry.context = loaded.context;
    entry.take(loaded.context);
    info(entry.what + ": certificates read again");
    if (!loaded.remark.empty()) warning(entry.what + ": " + loaded.remark);
  }
}

}  // namespace certs
