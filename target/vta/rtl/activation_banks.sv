// The image on chip: row y of it lies in bank y % 4, so that the three rows of a window are read in
// one cycle.
//
// A bank has one write port. The store engine goes first; load meanwhile writes other banks.
module activation_banks #(
    parameter int LINES = 512,
    parameter int VECTOR_BITS = 64,
    parameter int LINE_BITS = $clog2(LINES)
) (
    input logic clock,

    input  logic [3:0]             load_request,  // wants the write port of this bank
    output logic                   load_granted,
    input  logic [LINE_BITS-1:0]   load_address,
    input  logic [VECTOR_BITS-1:0] load_data,

    input logic [3:0]             store_enable,
    input logic [LINE_BITS-1:0]   store_address,
    input logic [VECTOR_BITS-1:0] store_data,

    input  logic                     read_enable,
    input  logic [4*LINE_BITS-1:0]   read_address,  // bank after bank
    output logic [4*VECTOR_BITS-1:0] read_data
);
  assign load_granted = (load_request & store_enable) == 0;

  for (genvar b = 0; b < 4; b++) begin : bank
    simple_ram #(.DEPTH(LINES), .FIELD_BITS(VECTOR_BITS)) memory (
        .clock,
        .write_enable(load_request[b] | store_enable[b]),
        .write_address(store_enable[b] ? store_address : load_address),
        .write_data(store_enable[b] ? store_data : load_data),
        .read_enable,
        .read_address(read_address[b*LINE_BITS+:LINE_BITS]),
        .read_data(read_data[b*VECTOR_BITS+:VECTOR_BITS])
    );
  end
endmodule
