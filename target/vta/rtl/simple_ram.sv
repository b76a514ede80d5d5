// A memory with one write port and one read port; what is read appears in the next cycle.
// Each of FIELDS fields of a word has a write enable of its own.
module simple_ram #(
    parameter int DEPTH = 512,
    parameter int FIELDS = 1,
    parameter int FIELD_BITS = 8,
    parameter int ADDRESS_BITS = $clog2(DEPTH)
) (
    input  logic                          clock,
    input  logic [FIELDS-1:0]             write_enable,
    input  logic [ADDRESS_BITS-1:0]       write_address,
    input  logic [FIELDS*FIELD_BITS-1:0]  write_data,
    input  logic                          read_enable,
    input  logic [ADDRESS_BITS-1:0]       read_address,
    output logic [FIELDS*FIELD_BITS-1:0]  read_data
);
  logic [FIELDS*FIELD_BITS-1:0] storage[DEPTH];

  always_ff @(posedge clock) begin
    for (int i = 0; i < FIELDS; i++)
      if (write_enable[i])
        storage[write_address][i*FIELD_BITS+:FIELD_BITS] <= write_data[i*FIELD_BITS+:FIELD_BITS];
    if (read_enable) read_data <= storage[read_address];
  end
endmodule
