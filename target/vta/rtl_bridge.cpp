// Runs the Verilated accelerator against a model of DRAM, for Python to drive in process.
//
// The memory answers reads in order after a latency, moves at most one word in so many cycles each
// way, and may stall any channel at random: addresses, words and answers. It holds data, which may
// be read and written, and behind it what may only be read; anywhere else, it answers with an error.
// Before the first reset, registers and memories of the accelerator hold anything.
//
// What the accelerator does on the bus is held against the rules of AXI4; the first breach is kept.
//
// Whenever an engine begins or leaves an instruction, the counters are noted down.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "Vaccelerator.h"
#include "Vaccelerator___024root.h"
#include "verilated.h"

namespace {

struct Read {
  uint32_t address;
  uint32_t words;
  uint8_t id;
  uint64_t ready_at;
};

struct Write {
  uint32_t address;
  uint32_t words;
  bool fault;
};

struct Answer {
  uint64_t ready_at;
  bool fault;
};

// Of one cycle: bit e of `begun` and `left` is engine e's; counters as they stand at its beginning.
constexpr int kCounters = 12;
struct Event {
  uint32_t begun;
  uint32_t left;
  uint32_t counters[kCounters];
};

// What a channel offers; it may not change before it is taken.
struct Offer {
  bool valid;
  bool taken;
  uint64_t address;
  uint64_t length;
  bool operator==(const Offer& other) const {
    return valid == other.valid && address == other.address && length == other.length;
  }
};

class Simulation {
 public:
  Simulation(uint8_t* dram, uint64_t base, uint64_t data, uint64_t read_only, uint64_t size,
             uint32_t latency, uint32_t stall_percent, uint32_t seed, uint32_t cycles_per_word)
      : dram_(dram),
        base_(base),
        data_(data),
        read_only_(read_only),
        size_(size),
        latency_(latency),
        stall_percent_(stall_percent),
        cycles_per_word_(cycles_per_word),
        random_(seed) {
    context_.randReset(2);
    context_.randSeed(int(seed) + 1);
    top_ = std::make_unique<Vaccelerator>(&context_);
    top_->s_axil_awvalid = top_->s_axil_wvalid = top_->s_axil_arvalid = 0;
    top_->s_axil_bready = top_->s_axil_rready = 1;
    top_->resetn = 0;
    for (int i = 0; i < 4; i++) cycle();
    top_->resetn = 1;
    cycle();
  }

  ~Simulation() {
    use_context();
    top_->final();
  }

  void write_register(uint32_t address, uint32_t value) {
    top_->s_axil_awaddr = address;
    top_->s_axil_wdata = value;
    top_->s_axil_awvalid = top_->s_axil_wvalid = 1;
    top_->s_axil_bready = 1;
    cycle();
    top_->s_axil_awvalid = top_->s_axil_wvalid = 0;
    cycle();
  }

  const char* breach() const { return breach_; }
  const std::vector<Event>& events() const { return events_; }

  uint32_t read_register(uint32_t address) {
    top_->s_axil_araddr = address;
    top_->s_axil_arvalid = 1;
    top_->s_axil_rready = 0;
    cycle();
    top_->s_axil_arvalid = 0;
    const uint32_t value = top_->s_axil_rdata;
    top_->s_axil_rready = 1;
    cycle();
    return value;
  }

  // Runs until the interrupt, at most so many cycles.
  void run(uint64_t most) {
    events_.clear();
    for (uint64_t count = 0; count < most && !top_->finish_interrupt; count++) cycle();
  }

  uint64_t now() const { return now_; }

 private:
  static constexpr uint32_t kWordBytes =
      sizeof(std::remove_reference_t<decltype(std::declval<Vaccelerator>().m_axi_rdata)>);

  bool stalled() { return stall_percent_ && random_() % 100 < stall_percent_; }

  // Verilator's runtime looks at the context that the thread used last: another simulation's, or
  // one that is gone.
  void use_context() { Verilated::threadContextp(&context_); }

  void cycle() {
    use_context();
    // What the memory offers in this cycle was decided from the state before it.
    const bool read = !reads_.empty() && reads_.front().ready_at <= now_ &&
                      next_read_ <= now_ && !stall_read_;
    top_->m_axi_arready = top_->resetn && !stall_read_address_ && reads_.size() < 8;
    top_->m_axi_awready = top_->resetn && !stall_write_address_ && writes_.size() < 4;
    top_->m_axi_wready = !stall_write_ && next_write_ <= now_ && !writes_.empty();
    top_->m_axi_bvalid = !answers_.empty() && answers_.front().ready_at <= now_;
    top_->m_axi_bresp = top_->m_axi_bvalid && answers_.front().fault ? 2 : 0;
    top_->m_axi_rvalid = read;
    top_->m_axi_rresp = 0;
    top_->m_axi_rlast = 0;
    if (read) {
      const Read& head = reads_.front();
      top_->m_axi_rid = head.id;
      top_->m_axi_rlast = head.words == 1;
      // Below `base`, this is beyond any size.
      const uint64_t place = uint64_t(head.address) - base_;
      if (place < data_ || (place >= read_only_ && place < size_)) {
        std::memcpy(&top_->m_axi_rdata, dram_ + place, std::min<uint64_t>(kWordBytes, size_ - place));
      } else {
        top_->m_axi_rresp = 2;
      }
    }
    top_->clock = 0;
    top_->eval();
    check();
    note();
    const bool asked = top_->m_axi_arvalid && top_->m_axi_arready;
    const bool taken = read && top_->m_axi_rready;
    const bool wants_write = top_->m_axi_awvalid && top_->m_axi_awready;
    const bool written = top_->m_axi_wvalid && top_->m_axi_wready;
    const bool answered = top_->m_axi_bvalid && top_->m_axi_bready;
    const Read request{top_->m_axi_araddr, uint32_t(top_->m_axi_arlen) + 1, top_->m_axi_arid,
                       now_ + latency_};
    const Write write_request{top_->m_axi_awaddr, uint32_t(top_->m_axi_awlen) + 1, false};
    if (written) {
      write_word();
      next_write_ = now_ + cycles_per_word_;
    }
    if (answered) answers_.pop_front();
    top_->clock = 1;
    top_->eval();
    if (asked) reads_.push_back(request);
    if (taken) {
      next_read_ = now_ + cycles_per_word_;
      reads_.front().address += kWordBytes;
      if (--reads_.front().words == 0) reads_.pop_front();
    }
    if (wants_write) writes_.push_back(write_request);
    // A valid that was not taken must stay: a stall is only decided anew after a transfer.
    stall_read_ = (read && !taken) ? false : stalled();
    stall_read_address_ = stalled();
    stall_write_address_ = stalled();
    stall_write_ = stalled();
    now_++;
  }

  void note() {
    const auto& root = *top_->rootp;
    const uint32_t begun = root.accelerator__DOT__begin_work;
    const uint32_t left = root.accelerator__DOT__leave;
    if (!(begun | left)) return;
    Event event{begun, left, {}};
    for (int i = 0; i < kCounters; i++) event.counters[i] = root.accelerator__DOT__counters[i];
    events_.push_back(event);
  }

  void breach(const char* rule) {
    if (!breach_) breach_ = rule;
  }

  void check_stable(Offer& last, const Offer& now, const char* rule) {
    if (last.valid && !last.taken && !(last == now)) breach(rule);
    last = now;
  }

  static bool legal_burst(uint64_t address, uint64_t words) {
    const uint64_t last = address + words * kWordBytes - 1;
    return address % kWordBytes == 0 && address / 4096 == last / 4096;
  }

  void check() {
    if (!top_->resetn) {
      // Before the first clock edge of the reset, anything may be there.
      if (now_ > 0 && (top_->m_axi_arvalid || top_->m_axi_awvalid || top_->m_axi_wvalid))
        breach("something is offered during reset");
      return;
    }
    const Offer read{bool(top_->m_axi_arvalid), bool(top_->m_axi_arready), top_->m_axi_araddr,
                     uint64_t(top_->m_axi_arlen) << 1 | top_->m_axi_arid};
    const Offer write{bool(top_->m_axi_awvalid), bool(top_->m_axi_awready), top_->m_axi_awaddr,
                      top_->m_axi_awlen};
    uint64_t word = 0;
    const auto* bytes = reinterpret_cast<const uint8_t*>(&top_->m_axi_wdata);
    for (uint32_t i = 0; i < kWordBytes; i++) word = word * 0x100000001b3 + bytes[i];
    const Offer data{bool(top_->m_axi_wvalid), bool(top_->m_axi_wready), word,
                     uint64_t(top_->m_axi_wstrb) << 1 | top_->m_axi_wlast};
    check_stable(last_read_, read, "a read address changed before it was taken");
    check_stable(last_write_, write, "a write address changed before it was taken");
    check_stable(last_data_, data, "a written word changed before it was taken");
    if (read.valid && !legal_burst(read.address, top_->m_axi_arlen + 1))
      breach("a read burst crosses a 4 KiB border or is not aligned");
    if (write.valid && !legal_burst(write.address, top_->m_axi_awlen + 1))
      breach("a write burst crosses a 4 KiB border or is not aligned");
    if (data.valid && data.taken && top_->m_axi_wlast != (writes_.front().words == 1))
      breach("wlast is not at the end of a write burst");
  }

  void write_word() {
    Write& head = writes_.front();
    uint8_t bytes[kWordBytes];
    std::memcpy(bytes, &top_->m_axi_wdata, kWordBytes);
    for (uint32_t i = 0; i < kWordBytes; i++) {
      const bool enabled = (uint64_t(top_->m_axi_wstrb) >> i) & 1;
      if (!enabled) continue;
      const uint64_t place = uint64_t(head.address) + i - base_;
      if (place < data_) dram_[place] = bytes[i];
      else head.fault = true;
    }
    head.address += kWordBytes;
    if (--head.words == 0) {
      answers_.push_back({now_ + latency_, head.fault});
      writes_.pop_front();
    }
  }

  VerilatedContext context_;
  std::unique_ptr<Vaccelerator> top_;
  uint8_t* dram_;
  uint64_t base_;       // the address of the first byte
  uint64_t data_;       // so many bytes may be written
  uint64_t read_only_;  // from here on, bytes may only be read
  uint64_t size_;       // to here
  uint32_t latency_;
  uint32_t stall_percent_;
  uint32_t cycles_per_word_;
  std::mt19937 random_;
  uint64_t now_ = 0;
  uint64_t next_read_ = 0, next_write_ = 0;  // when memory can move the next word
  std::deque<Read> reads_;
  std::deque<Write> writes_;
  std::deque<Answer> answers_;
  std::vector<Event> events_;  // of the last run
  Offer last_read_{}, last_write_{}, last_data_{};
  const char* breach_ = nullptr;
  bool stall_read_ = false;
  bool stall_read_address_ = false;
  bool stall_write_address_ = false;
  bool stall_write_ = false;
};

}  // namespace

extern "C" {

void* simulation_create(uint8_t* dram, uint64_t base, uint64_t data, uint64_t read_only,
                        uint64_t size, uint32_t latency, uint32_t stall_percent, uint32_t seed,
                        uint32_t cycles_per_word) {
  return new Simulation(dram, base, data, read_only, size, latency, stall_percent, seed,
                        cycles_per_word);
}

const char* simulation_breach(void* simulation) {
  return static_cast<Simulation*>(simulation)->breach();
}

void simulation_destroy(void* simulation) { delete static_cast<Simulation*>(simulation); }

void simulation_write(void* simulation, uint32_t address, uint32_t value) {
  static_cast<Simulation*>(simulation)->write_register(address, value);
}

uint32_t simulation_read(void* simulation, uint32_t address) {
  return static_cast<Simulation*>(simulation)->read_register(address);
}

// How many events the last run had, and the events.
uint64_t simulation_event_count(void* simulation) {
  return static_cast<Simulation*>(simulation)->events().size();
}

void simulation_events(void* simulation, void* destination) {
  const auto& events = static_cast<Simulation*>(simulation)->events();
  std::memcpy(destination, events.data(), events.size() * sizeof(Event));
}

void simulation_run(void* simulation, uint64_t most) {
  static_cast<Simulation*>(simulation)->run(most);
}

uint64_t simulation_now(void* simulation) { return static_cast<Simulation*>(simulation)->now(); }
}
