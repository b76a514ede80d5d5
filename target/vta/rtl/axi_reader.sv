// Reads runs of bus words through AXI4: bursts of up to 16 words that cross no 4 KiB border, four
// under way at a time. A run may be started while the words of the one before still arrive.
//
// `abandon` ends the run in a way that the bus allows: an address that is offered stays until it
// is taken, and the words of bursts under way are thrown away. `quiet` when all have come.
module axi_reader #(
    parameter int BUS_BYTES = 8,
    parameter int MOST_BURSTS = 4
) (
    input logic clock,
    input logic resetn,
    input logic abandon,

    input  logic        start,    // while `ready`
    input  logic [31:0] address,  // a multiple of the bus width
    input  logic [23:0] words,
    output logic        ready,    // every address of the last run was taken
    output logic        idle,     // every word has come
    output logic        quiet,    // nothing is under way on the bus

    output logic                   word_valid,
    input  logic                   word_ready,
    output logic [BUS_BYTES*8-1:0] word,
    output logic                   fault,

    output logic                   arvalid,
    input  logic                   arready,
    output logic [31:0]            araddr,
    output logic [ 7:0]            arlen,
    input  logic                   rvalid,
    output logic                   rready,
    input  logic [BUS_BYTES*8-1:0] rdata,
    input  logic [ 1:0]            rresp,
    input  logic                   rlast
);
  localparam int WORD_BITS = $clog2(BUS_BYTES);
  localparam int PAGE_WORDS = 4096 / BUS_BYTES;
  localparam int PAGE_BITS = $clog2(PAGE_WORDS);
  localparam int BURST_BITS = $clog2(MOST_BURSTS + 1);

  logic [31-WORD_BITS:0] next;
  logic [23:0] unasked;
  logic [24:0] unread;
  logic [BURST_BITS-1:0] bursts;
  logic draining;  // an abandoned run's bursts are under way

  wire [PAGE_BITS:0] page_left =
      (PAGE_BITS + 1)'(PAGE_WORDS) - (PAGE_BITS + 1)'(next[PAGE_BITS-1:0]);
  wire [4:0] wanted = unasked < 24'd16 ? 5'(unasked) : 5'd16;
  wire [4:0] length = page_left < (PAGE_BITS + 1)'(wanted) ? 5'(page_left) : wanted;

  assign arvalid = unasked != 0 && bursts != BURST_BITS'(MOST_BURSTS);
  assign araddr = {next, {WORD_BITS{1'b0}}};
  assign arlen = 8'(length) - 8'd1;
  assign word_valid = rvalid && unread != 0 && !draining;
  assign rready = draining || (word_ready && unread != 0);
  assign word = rdata;
  assign fault = word_valid && word_ready && rresp != 2'b00;
  assign ready = unasked == 0 && !draining;
  assign idle = unread == 0 && !draining;
  assign quiet = unasked == 0 && bursts == 0;

  wire asked = arvalid && arready;
  wire ended = rvalid && rready && rlast;

  always_ff @(posedge clock) begin
    if (start) begin
      next <= address[31:WORD_BITS];
      unasked <= words;
    end
    if (asked) begin
      next <= next + (32 - WORD_BITS)'(length);
      unasked <= unasked - 24'(length);
    end
    unread <= unread + (start ? 25'(words) : '0) - 25'(word_valid && word_ready);
    bursts <= bursts + BURST_BITS'(asked) - BURST_BITS'(ended);
    if (draining && quiet) draining <= 1'b0;
    if (abandon) begin
      // The burst on offer is the last one that is asked for.
      unasked <= arvalid && !arready ? 24'(length) : '0;
      unread <= '0;
      draining <= 1'b1;
    end
    if (!resetn) begin
      unasked <= '0;
      unread <= '0;
      bursts <= '0;
      draining <= 1'b0;
    end
  end
endmodule
