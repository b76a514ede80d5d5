// Reads a run of bus words through AXI4: bursts of up to 16 words that cross no 4 KiB border,
// two under way at a time.
module axi_reader #(
    parameter int BUS_BYTES = 8
) (
    input logic clock,
    input logic reset,

    input  logic        start,
    input  logic [31:0] address,
    input  logic [23:0] words,
    output logic        idle,

    output logic                   word_valid,
    input  logic                   word_ready,
    output logic [BUS_BYTES*8-1:0] word,
    output logic                   fault,

    output logic        arvalid,
    input  logic        arready,
    output logic [31:0] araddr,
    output logic [ 7:0] arlen,
    input  logic        rvalid,
    output logic        rready,
    input  logic [BUS_BYTES*8-1:0] rdata,
    input  logic [ 1:0] rresp,
    input  logic        rlast
);
  localparam int WORD_BITS = $clog2(BUS_BYTES);
  localparam int PAGE_WORDS = 4096 / BUS_BYTES;
  localparam int PAGE_BITS = $clog2(PAGE_WORDS);

  logic [31-WORD_BITS:0] next;
  logic [23:0] unasked, unread;
  logic [1:0] bursts;

  wire [PAGE_BITS:0] page_left = (PAGE_BITS + 1)'(PAGE_WORDS) - (PAGE_BITS + 1)'(next[PAGE_BITS-1:0]);
  wire [4:0] wanted = unasked < 24'd16 ? 5'(unasked) : 5'd16;
  wire [4:0] length = page_left < (PAGE_BITS + 1)'(wanted) ? 5'(page_left) : wanted;

  assign arvalid = unasked != 0 && bursts != 2'd2;
  assign araddr = {next, {WORD_BITS{1'b0}}};
  assign arlen = 8'(length) - 8'd1;
  assign word_valid = rvalid && unread != 0;
  assign rready = word_ready;
  assign word = rdata;
  assign fault = rvalid && rready && rresp != 2'b00;
  assign idle = unread == 0;

  wire asked = arvalid && arready;
  wire read = word_valid && word_ready;

  always_ff @(posedge clock) begin
    if (start) begin
      next <= address[31:WORD_BITS];
      unasked <= words;
      unread <= words;
    end
    if (asked) begin
      next <= next + (32 - WORD_BITS)'(length);
      unasked <= unasked - 24'(length);
    end
    if (read) unread <= unread - 24'd1;
    bursts <= bursts + 2'(asked) - 2'(read && rlast);
    if (reset) begin
      unasked <= '0;
      unread <= '0;
      bursts <= '0;
    end
  end
endmodule
