// A small memory in lookup tables: one write port, one read port that answers in the same cycle.
module lookup_ram #(
    parameter int DEPTH = 32,
    parameter int BITS = 8,
    parameter int ADDRESS_BITS = $clog2(DEPTH)
) (
    input  logic                    clock,
    input  logic                    write_enable,
    input  logic [ADDRESS_BITS-1:0] write_address,
    input  logic [BITS-1:0]         write_data,
    input  logic [ADDRESS_BITS-1:0] read_address,
    output logic [BITS-1:0]         read_data
);
  (* ram_style = "distributed" *) logic [BITS-1:0] storage[DEPTH];

  always_ff @(posedge clock) if (write_enable) storage[write_address] <= write_data;

  assign read_data = storage[read_address];
endmodule
