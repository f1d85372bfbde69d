// What the operating system grants this process, asked for at the start, and what it uses of it. Any
// thread.
#pragma once

#include <cstddef>
#include <string>

namespace process {

// Raises the soft limit of descriptors to the hard one; what it is then.
std::size_t raise_descriptor_limit();

// The soft limit that this process was started with: what its children find.
std::size_t descriptor_limit_at_start();

// How many downstream connections so many descriptors allow: half of them less 512, at least 16.
std::size_t connections_within(std::size_t descriptors);

// Why a process that is to take `wanted` connections does not start with so many descriptors, and
// what to do about it: they allow under 1000, and that is not what was asked for. "" = it does.
std::string descriptor_problem(std::size_t wanted, std::size_t descriptors);

// process_* in Prometheus' text format: CPU seconds, resident memory, open descriptors, start time.
std::string process_metrics();

}  // namespace process
