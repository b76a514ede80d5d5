// The results pixel by pixel: banks that the ALU's lanes write side by side, and one read port.
module vector_memory #(
    parameter int LANES = 2,                 // a power of two; line l lies in bank l % LANES
    parameter int CHANNELS = 8,
    parameter int ACTIVATION_BITS = 8,
    parameter int VECTOR_LINES = 512,
    parameter int LINE_BITS = $clog2(VECTOR_LINES),
    parameter int LANE_BITS = $clog2(LANES),
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input  logic                                   clock,
    input  logic [LANES*CHANNELS-1:0]              write_enable,
    input  logic [LANES*(LINE_BITS-LANE_BITS)-1:0] write_address,  // within each bank
    input  logic [LANES*VECTOR_BITS-1:0]           write_data,
    input  logic                                   read_enable,
    input  logic [LINE_BITS-1:0]                   read_address,
    output logic [VECTOR_BITS-1:0]                 read_data
);
  localparam int BANK_LINE_BITS = LINE_BITS - LANE_BITS;
  logic [LANES*VECTOR_BITS-1:0] lines;
  logic [LANE_BITS-1:0] bank;

  for (genvar b = 0; b < LANES; b++) begin : vector_bank
    simple_ram #(
        .DEPTH(VECTOR_LINES / LANES), .FIELDS(CHANNELS), .FIELD_BITS(ACTIVATION_BITS)
    ) memory (
        .clock,
        .write_enable(write_enable[b*CHANNELS+:CHANNELS]),
        .write_address(write_address[b*BANK_LINE_BITS+:BANK_LINE_BITS]),
        .write_data(write_data[b*VECTOR_BITS+:VECTOR_BITS]),
        .read_enable,
        .read_address(read_address[LINE_BITS-1:LANE_BITS]),
        .read_data(lines[b*VECTOR_BITS+:VECTOR_BITS])
    );
  end

  always_ff @(posedge clock) if (read_enable) bank <= read_address[LANE_BITS-1:0];
  always_comb begin
    read_data = '0;
    for (int b = 0; b < LANES; b++)
      if (bank == LANE_BITS'(b)) read_data = lines[b*VECTOR_BITS+:VECTOR_BITS];
  end
endmodule
