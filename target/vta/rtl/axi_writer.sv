// Writes a run of bus words through AXI4: bursts of up to 16 words that cross no 4 KiB border.
// The address of the next burst is asked for while the words of one are sent. `idle` when every
// burst has been answered.
//
// `abandon` ends the run in a way that the bus allows: what is offered stays until it is taken, and
// bursts under way are filled up with words without strobes.
module axi_writer #(
    parameter int BUS_BYTES = 8
) (
    input logic clock,
    input logic resetn,
    input logic abandon,

    input  logic        start,    // when the writer has every word of the last run
    input  logic [31:0] address,  // a multiple of the bus width
    input  logic [23:0] words,
    output logic        idle,

    input  logic                   word_valid,
    output logic                   word_ready,
    input  logic [BUS_BYTES*8-1:0] word,
    input  logic [BUS_BYTES-1:0]   strobe,
    output logic                   fault,

    output logic                   awvalid,
    input  logic                   awready,
    output logic [31:0]            awaddr,
    output logic [ 7:0]            awlen,
    output logic                   wvalid,
    input  logic                   wready,
    output logic [BUS_BYTES*8-1:0] wdata,
    output logic [BUS_BYTES-1:0]   wstrb,
    output logic                   wlast,
    input  logic                   bvalid,
    output logic                   bready,
    input  logic [ 1:0]            bresp
);
  localparam int WORD_BITS = $clog2(BUS_BYTES);
  localparam int PAGE_WORDS = 4096 / BUS_BYTES;
  localparam int PAGE_BITS = $clog2(PAGE_WORDS);

  logic [31-WORD_BITS:0] next;
  logic [23:0] unasked;
  logic [4:0] coming;  // words of a burst whose address was accepted, after the one under way
  logic [4:0] left;    // words that the burst under way still takes
  logic [3:0] unanswered;
  logic draining;      // an abandoned run is brought to its end

  wire [PAGE_BITS:0] page_left =
      (PAGE_BITS + 1)'(PAGE_WORDS) - (PAGE_BITS + 1)'(next[PAGE_BITS-1:0]);
  wire [4:0] wanted = unasked < 24'd16 ? 5'(unasked) : 5'd16;
  wire [4:0] length = page_left < (PAGE_BITS + 1)'(wanted) ? 5'(page_left) : wanted;

  assign awvalid = unasked != 0 && coming == 0 && unanswered != 4'd15;
  assign awaddr = {next, {WORD_BITS{1'b0}}};
  assign awlen = 8'(length) - 8'd1;
  assign bready = 1'b1;
  assign fault = bvalid && bresp != 2'b00 && !draining;
  assign idle = unasked == 0 && coming == 0 && left == 0 && !wvalid && unanswered == 0 && !draining;

  wire asked = awvalid && awready;
  // A word goes into the output register when that is empty or being taken.
  wire room = left != 0 && (!wvalid || wready);
  assign word_ready = room && !draining;
  wire sent = room && (word_valid || draining);
  wire turn = coming != 0 && (left == 0 || (left == 5'd1 && sent));

  always_ff @(posedge clock) begin
    if (start) begin
      next <= address[31:WORD_BITS];
      unasked <= words;
    end
    if (asked) begin
      next <= next + (32 - WORD_BITS)'(length);
      unasked <= unasked - 24'(length);
      coming <= length;
    end
    if (turn) coming <= '0;
    if (sent) left <= left - 5'd1;
    if (turn) left <= coming;
    unanswered <= unanswered + 4'(asked) - 4'(bvalid);
    if (wready) wvalid <= 1'b0;
    if (sent) begin
      wvalid <= 1'b1;
      wdata <= word;
      wstrb <= draining ? '0 : strobe;
      wlast <= left == 5'd1;
    end
    if (draining && unasked == 0 && coming == 0 && left == 0 && !wvalid && unanswered == 0)
      draining <= 1'b0;
    if (abandon) begin
      // The burst on offer is the last one that is asked for.
      unasked <= awvalid && !awready ? 24'(length) : '0;
      draining <= 1'b1;
    end
    if (!resetn) begin
      unasked <= '0;
      coming <= '0;
      left <= '0;
      unanswered <= '0;
      wvalid <= 1'b0;
      draining <= 1'b0;
    end
  end
endmodule
