// Computes, for each block of windows, the responses to all kernels of the subset.
//
// Runs beside the window loader: takes a filled window slot, writes a free response slot.
module response_engine #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int SHARING = 4,
    parameter int RESPONSE_BITS = 13,
    parameter int RESPONSES = 64,
    parameter int SUBSET_LINES = 256,
    parameter int TREES = (PIXELS + SHARING - 1) / SHARING,
    parameter int TURN_BITS = SHARING > 1 ? $clog2(SHARING) : 1,
    parameter int KERNEL_BITS = $clog2(RESPONSES),
    parameter int SUBSET_BITS = $clog2(SUBSET_LINES)
) (
    input logic clock,
    input logic reset,

    // The run: constant from `start`'s cycle until `idle` again.
    input  logic        start,
    output logic        idle,
    output logic        active,  // a kernel is named in this cycle
    input  logic [ 7:0] subset,
    input  logic [ 7:0] kernels,
    input  logic        paired,
    input  logic [ 7:0] blocks,
    input  logic [15:0] count,  // output pixels

    output logic                   subset_enable,
    output logic [SUBSET_BITS-1:0] subset_address,
    input  logic [8:0]             subset_kernel,

    // `window_ready`: a slot is filled whose kernels are not all named. `window_taken` when the
    // last one is: what is written from then on is not seen any more. Response slots likewise.
    input  logic window_ready,
    input  logic window_head,  // the slot that is ready first
    output logic window_taken,
    input  logic slot_free,
    output logic slot_taken,
    output logic slot_filled,

    // Driving the lanes, which answer in the next cycle.
    output logic                                    window_slot,
    output logic                                    part,
    output logic [TURN_BITS-1:0]                    turn,
    output logic [8:0]                              kernel,
    input  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] responses,

    // Writing the response file: the pixels of one turn.
    output logic                                    file_enable,
    output logic                                    file_slot,
    output logic [TURN_BITS-1:0]                    file_turn,
    output logic [KERNEL_BITS-1:0]                  file_kernel,
    output logic [CHANNELS*TREES*RESPONSE_BITS-1:0] file_data
);
  // Stage 0 names a kernel, stage 1 has it, in stages 2 and 3 the trees add it up, stage 4 writes.
  logic running;
  logic [ 7:0] block0;
  logic [15:0] left;  // pixels of this tile and those after it
  logic [KERNEL_BITS-1:0] k0, k1, k2, k3;
  logic [TURN_BITS-1:0] turn0, turn1, turn2, turn3;
  logic part0, part1, part2, part3;
  logic valid1, valid2, valid3, last1;
  logic window_slot1, file_slot0, file_slot1, file_slot2, file_slot3;
  logic negate3;

  wire go = running && window_ready && slot_free;
  wire last_part = part0 == paired;
  wire last_kernel = 8'(k0) + 8'd1 == kernels;
  wire last_turn = turn0 == TURN_BITS'(SHARING - 1);
  wire last_block = block0 + 8'd1 == blocks;
  wire last0 = last_part && last_kernel && last_turn;

  assign active = go;
  assign subset_enable = go;
  assign subset_address = SUBSET_BITS'(10'(subset) + 10'(part0 ? kernels : 8'd0) + 10'(k0));
  assign part = part2;
  assign turn = turn2;
  assign slot_filled = valid1 && last1;  // written three cycles later, read in the one after
  assign window_taken = go && last0;
  assign slot_taken = go && last0;
  assign idle = !running && !valid1 && !valid2 && !valid3 && !file_enable;

  // The first part of paired units is waiting in the output register.
  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] total;
  for (genvar i = 0; i < CHANNELS * TREES; i++) begin : tree
    logic [RESPONSE_BITS:0] sum;
    signed_sum #(.BITS(RESPONSE_BITS)) add (
        .a(part3 ? file_data[i*RESPONSE_BITS+:RESPONSE_BITS] : '0),
        .b(responses[i*RESPONSE_BITS+:RESPONSE_BITS]), .negate(negate3), .sum(sum)
    );
    assign total[i*RESPONSE_BITS+:RESPONSE_BITS] = sum[RESPONSE_BITS-1:0];
  end

  always_ff @(posedge clock) begin
    if (start) begin
      running <= 1'b1;
      block0 <= '0;
      left <= count;
      k0 <= '0;
      turn0 <= '0;
      part0 <= 1'b0;
    end
    if (go) begin
      part0 <= last_part ? 1'b0 : 1'b1;
      if (last_part) k0 <= last_kernel ? '0 : k0 + 1'b1;
      if (last_part && last_kernel) turn0 <= last_turn ? '0 : turn0 + 1'b1;
      if (last0) begin
        file_slot0 <= !file_slot0;
        block0 <= last_block ? '0 : block0 + 1'b1;
        if (last_block) left <= left - 16'(PIXELS);
        if (last_block && left <= 16'(PIXELS)) running <= 1'b0;
      end
    end
    {valid3, valid2, valid1} <= {valid2, valid1, go};
    last1 <= last0;
    {k3, k2, k1} <= {k2, k1, k0};
    {turn3, turn2, turn1} <= {turn2, turn1, turn0};
    {part3, part2, part1} <= {part2, part1, part0};
    {window_slot, window_slot1} <= {window_slot1, window_head};
    {file_slot3, file_slot2, file_slot1} <= {file_slot2, file_slot1, file_slot0};
    kernel <= subset_kernel;
    negate3 <= !kernel[0];

    file_enable <= valid3 && part3 == paired;
    file_slot <= file_slot3;
    file_turn <= turn3;
    file_kernel <= k3;
    if (valid3) file_data <= total;
    if (reset) begin
      running <= 1'b0;
      {valid3, valid2, valid1} <= '0;
      file_enable <= 1'b0;
      file_slot0 <= 1'b0;
    end
  end
endmodule
