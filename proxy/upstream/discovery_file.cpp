// How a cluster follows the file that lists its endpoints.
#include "certs/files_state.hpp"
#include "config/endpoint_list.hpp"
#include "proxy/upstream/cluster_discovery.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace upstream {
namespace {

constexpr base::Millis settling{20};           // what comes together is looked at once
constexpr base::Millis second_thoughts{250};   // before a file that is being written is told of
constexpr std::chrono::seconds watched_interval{5};  // for what no watch tells
constexpr std::chrono::seconds unwatched_interval{1};
constexpr std::size_t most_told = 10;  // mistakes of one file

// In one line, as an event of the log has it.
std::string in_words(const std::vector<config::Mistake>& mistakes) {
  std::string words;
  for (std::size_t i = 0; i < std::min(mistakes.size(), most_told); ++i)
    words.append(i == 0 ? "" : "; ").append(mistakes[i].summary());
  if (mistakes.size() > most_told)
    words += "; and " + std::to_string(mistakes.size() - most_told) + " more";
  return words;
}

}  // namespace

struct ClusterDiscovery::Look {
  bool has_changed = true;
  std::string state;  // of the file
  config::EndpointList list;
};

// No half-written file is taken for what it is to become, if its writer closes it or puts it in the
// place of the old one; one that truncates it is given the time to write.
base::Task<> ClusterDiscovery::follow_file() {
  const std::string path = names_.discovery->file;
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  base::Event changed(parts_.loop);
  base::FolderWatches::Follower follower(discovery_.folders_, changed);
  std::string state;
  bool is_suspect = false;
  for (;;) {
    const bool is_watched = follower.follow(folder);
    const auto look = [path, state]() -> Look {
      std::string now = certs::state_of({path});
      if (now == state) return {false, std::move(now), {}};
      config::FileText file = config::read_file(path, config::most_bytes);
      if (!file.problem.empty())
        return {true, std::move(now), {{}, {{{}, "cannot read " + path + ": " + file.problem}}}};
      return {true, std::move(now), config::parse_endpoint_list(path, std::move(file.text))};
    };
    std::optional<Look> found = co_await parts_.executor.run(parts_.loop, look);
    if (found && found->has_changed) {
      const bool is_good = found->list.mistakes.empty();
      if (is_good || is_suspect || !is_source_asked_) {
        state = found->state;
        is_suspect = false;
        take(std::move(*found));
      } else {
        is_suspect = true;
      }
    }
    const base::Duration pause = is_suspect  ? base::Duration(second_thoughts)
                                 : is_watched ? base::Duration(watched_interval)
                                              : base::Duration(unwatched_interval);
    const bool was_told = co_await changed.wait(parts_.loop.now() + pause);
    if (was_told) {
      state.clear();
      co_await base::sleep_until(parts_.loop, parts_.loop.now() + settling);
      changed.clear();
    }
  }
}

void ClusterDiscovery::take(Look look) {
  if (!look.list.mistakes.empty()) {
    const base::Error none{base::Reason::no_endpoint, base::Fault::upstream,
                           "the file that lists the cluster's endpoints cannot be used", {}, true};
    return source_failed(none, in_words(look.list.mistakes));
  }
  std::vector<Listed> listed;
  for (config::Endpoint& endpoint : look.list.endpoints) listed.push_back({std::move(endpoint), 0});
  source_read(std::move(listed), names_.discovery->file);
}

}  // namespace upstream
