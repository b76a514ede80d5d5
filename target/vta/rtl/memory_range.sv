// From an address in the program's memory to one on the bus. What is not aligned to bus words, or
// reaches past the memory's end, is a fault and is not begun.
module memory_range #(
    parameter int BUS_BYTES = 8
) (
    input logic [31:0] memory_base,  // a multiple of the bus width
    input logic [31:0] memory_size,  // bytes

    input  logic        start,
    input  logic [31:0] address,
    input  logic [23:0] words,
    output logic        granted,     // `start`, when nothing speaks against it
    output logic [31:0] bus_address,
    output logic        fault
);
  localparam int WORD_BITS = $clog2(BUS_BYTES);
  wire [32:0] beyond = 33'(address) + 33'({words, WORD_BITS'(0)});
  wire legal = address[WORD_BITS-1:0] == 0 && beyond <= 33'(memory_size);
  assign bus_address = memory_base + address;
  assign granted = start && legal;
  assign fault = start && !legal;
endmodule
