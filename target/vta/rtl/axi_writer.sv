// Writes a run of bus words through AXI4: bursts of up to 16 words that cross no 4 KiB border.
// `idle` when every burst has been answered.
module axi_writer #(
    parameter int BUS_BYTES = 8
) (
    input logic clock,
    input logic reset,

    input  logic        start,
    input  logic [31:0] address,
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
  logic [4:0] left;  // words of the burst whose address was accepted
  logic [3:0] unanswered;

  wire [PAGE_BITS:0] page_left = (PAGE_BITS + 1)'(PAGE_WORDS) - (PAGE_BITS + 1)'(next[PAGE_BITS-1:0]);
  wire [4:0] wanted = unasked < 24'd16 ? 5'(unasked) : 5'd16;
  wire [4:0] length = page_left < (PAGE_BITS + 1)'(wanted) ? 5'(page_left) : wanted;

  assign awvalid = unasked != 0 && left == 0 && unanswered != 4'd15;
  assign awaddr = {next, {WORD_BITS{1'b0}}};
  assign awlen = 8'(length) - 8'd1;
  assign wvalid = left != 0 && word_valid;
  assign word_ready = left != 0 && wready;
  assign wdata = word;
  assign wstrb = strobe;
  assign wlast = left == 5'd1;
  assign bready = 1'b1;
  assign fault = bvalid && bresp != 2'b00;
  assign idle = unasked == 0 && left == 0 && unanswered == 0;

  wire asked = awvalid && awready;
  wire written = wvalid && wready;

  always_ff @(posedge clock) begin
    if (start) begin
      next <= address[31:WORD_BITS];
      unasked <= words;
    end
    if (asked) begin
      next <= next + (32 - WORD_BITS)'(length);
      unasked <= unasked - 24'(length);
      left <= length;
    end
    if (written) left <= left - 5'd1;
    unanswered <= unanswered + 4'(asked) - 4'(bvalid && bready);
    if (reset) begin
      unasked <= '0;
      left <= '0;
      unanswered <= '0;
    end
  end
endmodule
