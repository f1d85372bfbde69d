#include "proxy/simulate/plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <vector>

namespace simulate {
namespace {

constexpr double width = 960, left = 70, right = 150, top = 64, gap = 46;
constexpr double inner = width - left - right;
constexpr std::string_view ink = "#24292f", pale = "#d8dee4", muted = "#57606a";

struct Line {
  std::string_view name, color;
  std::vector<double> values;  // NaN = none at that moment
  bool is_dashed = false;
};

struct Panel {
  std::string_view title, unit;
  double height;
  std::vector<Line> lines;
  double most = 0;  // 0 = as the lines need
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// As people write it: 1500, 0.5, 20k.
std::string label(double value) {
  char text[32];
  if (value >= 10'000 && std::fmod(value, 1'000) == 0)
    std::snprintf(text, sizeof text, "%.0fk", value / 1'000);
  else
    std::snprintf(text, sizeof text, "%.*f", value < 10 && std::fmod(value, 1) != 0 ? 1 : 0, value);
  return text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

// A round distance between marks, so that there are four to eight of them.
double distance(double most) {
  const double rough = std::max(most, 1e-9) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double round : {1.0, 2.0, 5.0})
    if (rough <= round * power) return round * power;
  return 10 * power;
}

// Of seconds, minutes or hours.
double distance_of_time(double length) {
  for (const double round : {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1'800, 3'600, 7'200, 21'600})
    if (length / round <= 12) return round;
  return 86'400;
}

std::string time_label(double second, double length) {
  char text[32];
  if (length <= 180)
    std::snprintf(text, sizeof text, "%.0f s", second);
  else
    std::snprintf(text, sizeof text, "%.0f:%02.0f", std::floor(second / 60), std::fmod(second, 60));
  return text;
}

std::string words(double x, double y, std::string_view text, std::string_view rest,
                  std::string_view color = muted) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" fill=\"" + std::string(color) +
         "\" " + std::string(rest) + ">" + escaped(text) + "</text>\n";
}

std::string rule(double x1, double y1, double x2, double y2, std::string_view color) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" stroke=\"" + std::string(color) + "\"/>\n";
}

class Drawing {
 public:
  Drawing(const World& world) : world_(world), length_(seconds(world.scenario().length)) {}

  void draw(const Panel& panel) {
    double most = panel.most;
    if (most == 0)
      for (const Line& line : panel.lines)
        for (const double value : line.values)
          if (!std::isnan(value)) most = std::max(most, value);
    const double step = distance(most == 0 ? 1 : most);
    most = panel.most > 0 ? panel.most : std::max(std::ceil(most / step) * step, step);
    shade(panel.height);
    out_ += words(left, y_ - 10, panel.title, "font-weight=\"600\"", ink);
    for (double mark = 0; mark <= most + step / 2; mark += step) {
      const double y = y_ + panel.height * (1 - mark / most);
      if (y < y_ - 1) break;
      out_ += rule(left, y, left + inner, y, pale);
      out_ += words(left - 8, y + 4, label(mark) + std::string(panel.unit), "text-anchor=\"end\"");
    }
    for (const Line& line : panel.lines) draw(line, panel.height, most);
    legend(panel);
    y_ += panel.height + gap;
  }

  std::string finish(const std::string& title) {
    const double bottom = y_ - gap;
    const double step = distance_of_time(length_);
    for (double at = 0; at <= length_ + 0.001; at += step) {
      out_ += rule(x_of(at), bottom, x_of(at), bottom + 5, muted);
      out_ += words(x_of(at), bottom + 20, time_label(at, length_), "text-anchor=\"middle\"");
    }
    const double height = bottom + 34;
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + label(width) + "\" height=\"" +
           number(height) + "\" viewBox=\"0 0 " + label(width) + ' ' + number(height) +
           "\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" "
           "height=\"100%\" fill=\"#ffffff\"/>\n" +
           words(left, 24, title, "font-size=\"15\" font-weight=\"600\"", ink) + out_ + "</svg>\n";
  }

 private:
  static double seconds(base::Duration duration) {
    return std::chrono::duration<double>(duration).count();
  }
  double x_of(double second) const { return left + inner * std::min(second / length_, 1.0); }

  // Where something goes wrong, named once at the top.
  void shade(double height) {
    std::size_t row = 0;
    for (const Happening& event : world_.scenario().happenings) {
      const double from = x_of(seconds(event.at));
      const bool is_point = event.what == Trouble::cache_lost;
      const double until = is_point ? from + 2
                                    : x_of(event.length == Millis{0}
                                               ? length_
                                               : seconds(event.at + event.length));
      out_ += "<rect x=\"" + number(from) + "\" y=\"" + number(y_) + "\" width=\"" +
              number(std::max(until - from, 2.0)) + "\" height=\"" + number(height) +
              "\" fill=\"#cf222e\" fill-opacity=\"" + (is_point ? "0.5" : "0.07") + "\"/>\n";
      if (y_ > top || event.is_recorded()) continue;
      std::string name(to_string(event.what));
      if (!event.service.empty()) name += ' ' + event.service;
      if (event.endpoint > 0) name += '/' + std::to_string(event.endpoint);
      out_ += words(from + 4, y_ + 14 + 14 * static_cast<double>(row++ % 4), name,
                    "font-size=\"11\"", "#a40e26");
    }
  }

  void draw(const Line& line, double height, double most) {
    std::string path;
    bool is_open = false;
    const double step = seconds(world_.tally().step());
    for (std::size_t i = 0; i < line.values.size(); ++i) {
      const double value = line.values[i];
      if (std::isnan(value)) {
        is_open = false;
        continue;
      }
      const double y = y_ + height * (1 - std::min(value / most, 1.0));
      path += (is_open ? "L" : "M") + number(x_of((static_cast<double>(i) + 0.5) * step)) + ' ' +
              number(y);
      is_open = true;
    }
    out_ += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + std::string(line.color) +
            "\" stroke-width=\"1.6\"" + (line.is_dashed ? " stroke-dasharray=\"5 3\"" : "") +
            "/>\n";
  }

  void legend(const Panel& panel) {
    double y = y_ + 10;
    for (const Line& line : panel.lines) {
      const double x = left + inner + 14;
      out_ += "<path d=\"M" + number(x) + ' ' + number(y - 4) + "h20\" stroke=\"" +
              std::string(line.color) + "\" stroke-width=\"2.5\"" +
              (line.is_dashed ? " stroke-dasharray=\"5 3\"" : "") + "/>\n";
      out_ += words(x + 26, y, line.name, "", ink);
      y += 18;
    }
  }

  const World& world_;
  const double length_;
  double y_ = top;
  std::string out_;
};

}  // namespace

std::string plot(const World& world, const std::string& title) {
  const Tally& tally = world.tally();
  const double step = std::chrono::duration<double>(tally.step()).count();
  Panel load{"Requests a second", "", 220, {}};
  Line offered{"offered", "#57606a", {}, true}, admitted{"admitted", "#1a7f37", {}},
      upstream{"upstream", "#cf222e", {}}, succeeded{"succeeded", "#0969da", {}};
  Line success{"of offered", "#0969da", {}};
  Line p50{"p50", "#1a7f37", {}}, p95{"p95", "#bf8700", {}}, p99{"p99", "#cf222e", {}};
  for (const Moment& moment : tally.moments()) {
    const Counts& counts = moment.counts;
    const auto rate = [&](std::uint64_t count) { return static_cast<double>(count) / step; };
    offered.values.push_back(rate(counts.offered));
    admitted.values.push_back(rate(counts.admitted()));
    upstream.values.push_back(rate(moment.upstream));
    succeeded.values.push_back(rate(counts.succeeded));
    success.values.push_back(counts.offered == 0 ? NAN
                                                 : 100 * static_cast<double>(counts.succeeded) /
                                                       static_cast<double>(counts.offered));
    const bool has_any = counts.latencies.count() > 0;
    p50.values.push_back(has_any ? counts.latencies.quantile(0.5) : NAN);
    p95.values.push_back(has_any ? counts.latencies.quantile(0.95) : NAN);
    p99.values.push_back(has_any ? counts.latencies.quantile(0.99) : NAN);
  }
  load.lines = {upstream, admitted, succeeded, offered};
  Drawing drawing(world);
  drawing.draw(load);
  drawing.draw({"Success", " %", 90, {success}, 100});
  drawing.draw({"Latency of what succeeded", " ms", 160, {p50, p95, p99}});
  return drawing.finish(title);
}

}  // namespace simulate
