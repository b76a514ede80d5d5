// Fields that are legal by their bits but too large for this configuration, as engines begin.
module configuration_check #(
    parameter int INDEX_BITS = 9,
    parameter int RESPONSES = 64,
    parameter int GROUPS = 64,        // of outputs
    parameter int SUBSET_LINES = 256
) (
    input  logic [4:0]       begin_work,
    input  logic [5*128-1:0] heads,
    input  logic             shaped,         // there was a SHAPE in this run
    input  logic             paired,         // its units are of two channels
    output logic [4:0]       field_faults,   // by engine
    output logic             subset_fault    // a subset reaches past its memory
);
  `include "isa.svh"

  localparam int LOAD = 0, RESPONSE = 1, GATHER = 2, ALU = 3;
  localparam logic [1:0] INDEX_MEMORY = 2'd1;

  wire [127:0] load = heads[128*LOAD+:128];
  wire [127:0] response = heads[128*RESPONSE+:128];
  wire [127:0] gather = heads[128*GATHER+:128];
  wire [127:0] alu = heads[128*ALU+:128];

  wire [3:0] planes = load[LOAD_PLANES_LSB+:LOAD_PLANES_BITS];
  wire loads_indices = load[3:0] == OP_LOAD
      && load[LOAD_MEMORY_LSB+:LOAD_MEMORY_BITS] == INDEX_MEMORY;

  wire is_resp = response[3:0] == OP_RESP;
  wire [7:0] kernels = response[RESP_KERNELS_LSB+:RESP_KERNELS_BITS];
  wire [9:0] subset_end = 10'(response[RESP_SUBSET_LSB+:RESP_SUBSET_BITS])
      + (paired ? {1'b0, kernels, 1'b0} : 10'(kernels));

  wire is_bconv = gather[3:0] == OP_BCONV;
  wire [9:0] groups = is_bconv ? gather[BCONV_GROUPS_LSB+:BCONV_GROUPS_BITS]
      : gather[GATH_GROUPS_LSB+:GATH_GROUPS_BITS];

  logic [4:0] illegal;
  always_comb begin
    illegal = '0;
    illegal[LOAD] = loads_indices && (planes == 0 || planes > 4'(INDEX_BITS));
    illegal[RESPONSE] = (is_resp && kernels > 8'(RESPONSES))
        || (response[3:0] != OP_SHAPE && !shaped);
    illegal[GATHER] = (is_bconv && INDEX_BITS != 9) || groups > 10'(GROUPS);
    illegal[ALU] = alu[ALU_GROUPS_LSB+:ALU_GROUPS_BITS] > 10'(GROUPS);
  end
  assign field_faults = illegal & begin_work;
  assign subset_fault = begin_work[RESPONSE] && is_resp && subset_end > 10'(SUBSET_LINES);
endmodule
