// The accelerator: engines, memories and tokens between an AXI4 master and an AXI4-Lite port.
module accelerator #(
    parameter int PIXELS = 3,
    parameter int CHANNELS = 8,
    parameter int ADDERS = 1,
    parameter int TREE_SHARING = 2,
    parameter int ALU_PIXELS = 2,
    parameter int ACTIVATION_BITS = 8,
    parameter int INDEX_BITS = 9,
    parameter int RESPONSES = 64,
    parameter int ACTIVATION_LINES = 512,
    parameter int SUBSET_LINES = 256,
    parameter int INDEX_LINES = 1024,
    parameter int OUTPUTS = 64,
    parameter int RESIDUAL_LINES = 256,
    parameter int PLANE_LINES = 512,
    parameter int VECTOR_LINES = 512,
    parameter int BUS_BYTES = 8
) (
    input logic clock,
    input logic resetn,

    input  logic [ 7:0] s_axil_awaddr,
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [31:0] s_axil_wdata,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    output logic [ 1:0] s_axil_bresp,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    input  logic [ 7:0] s_axil_araddr,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [ 1:0] s_axil_rresp,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,

    output logic                   m_axi_arvalid,
    input  logic                   m_axi_arready,
    output logic [31:0]            m_axi_araddr,
    output logic [ 7:0]            m_axi_arlen,
    output logic                   m_axi_arid,
    output logic [ 2:0]            m_axi_arsize,
    output logic [ 1:0]            m_axi_arburst,
    output logic [ 3:0]            m_axi_arcache,
    output logic [ 2:0]            m_axi_arprot,
    input  logic                   m_axi_rvalid,
    output logic                   m_axi_rready,
    input  logic [BUS_BYTES*8-1:0] m_axi_rdata,
    input  logic                   m_axi_rid,
    input  logic [ 1:0]            m_axi_rresp,
    input  logic                   m_axi_rlast,
    output logic                   m_axi_awvalid,
    input  logic                   m_axi_awready,
    output logic [31:0]            m_axi_awaddr,
    output logic [ 7:0]            m_axi_awlen,
    output logic [ 2:0]            m_axi_awsize,
    output logic [ 1:0]            m_axi_awburst,
    output logic [ 3:0]            m_axi_awcache,
    output logic [ 2:0]            m_axi_awprot,
    output logic                   m_axi_wvalid,
    input  logic                   m_axi_wready,
    output logic [BUS_BYTES*8-1:0] m_axi_wdata,
    output logic [BUS_BYTES-1:0]   m_axi_wstrb,
    output logic                   m_axi_wlast,
    input  logic                   m_axi_bvalid,
    output logic                   m_axi_bready,
    input  logic [ 1:0]            m_axi_bresp,

    output logic finish_interrupt
);
  `include "isa.svh"

  localparam int RESPONSE_BITS = ACTIVATION_BITS + 5;
  localparam int ACCUMULATOR_BITS = 24;
  localparam int TREES = (PIXELS + TREE_SHARING - 1) / TREE_SHARING;
  localparam int TURN_BITS = TREE_SHARING > 1 ? $clog2(TREE_SHARING) : 1;
  localparam int LANE_BITS = $clog2(PIXELS + 1);
  localparam int LINE_BITS = $clog2(ACTIVATION_LINES);
  localparam int VECTOR_BITS = CHANNELS * ACTIVATION_BITS;
  localparam int KERNEL_BITS = $clog2(RESPONSES);
  localparam int GROUPS = OUTPUTS / ADDERS;
  localparam int GROUP_BITS = $clog2(GROUPS);
  localparam int PLANE_BITS = ADDERS * CHANNELS;
  localparam bit BINARY = INDEX_BITS == 9;
  localparam int ALU_TURNS = (PIXELS + ALU_PIXELS - 1) / ALU_PIXELS;
  localparam int VECTOR_BANK_BITS = $clog2(ALU_PIXELS);
  localparam int BANK_LINE_BITS = $clog2(VECTOR_LINES) - VECTOR_BANK_BITS;
  // Binary convolutions write an adder's and a turn's accumulators apart.
  localparam int ACCUMULATOR_FIELDS = BINARY ? ADDERS * PIXELS : 1;
  localparam int LOAD = 0, RESPONSE = 1, GATHER = 2, ALU_ENGINE = 3, STORE = 4;
  localparam int COUNTERS = 12;

  // ---------------------------------------------------------------- control
  logic start, clear, running, finished;
  logic [2:0] trap;
  logic [31:0] program_address, program_length;
  logic [COUNTERS*32-1:0] counters;
  // A trap stops every engine; a run begins with engines, queues, tokens and slots as after a
  // reset. The bus may not be reset: what is under way there is brought to its end (`abandon`).
  logic reset, abandon, bus_quiet, starting, begin_run;
  assign abandon = clear || trap != 0;
  assign reset = !resetn || abandon || start;
  assign begin_run = starting && bus_quiet;

  control_registers #(
      .COUNTERS(COUNTERS)
  ) registers (
      .clock,
      .resetn,
      .awaddr(s_axil_awaddr),
      .awvalid(s_axil_awvalid),
      .awready(s_axil_awready),
      .wdata(s_axil_wdata),
      .wvalid(s_axil_wvalid),
      .wready(s_axil_wready),
      .bresp(s_axil_bresp),
      .bvalid(s_axil_bvalid),
      .bready(s_axil_bready),
      .araddr(s_axil_araddr),
      .arvalid(s_axil_arvalid),
      .arready(s_axil_arready),
      .rdata(s_axil_rdata),
      .rresp(s_axil_rresp),
      .rvalid(s_axil_rvalid),
      .rready(s_axil_rready),
      .start,
      .clear,
      .bus_quiet,
      .program_address,
      .program_length,
      .running,
      .finished,
      .trap,
      .counters
  );

  // ---------------------------------------------------------------- instructions
  logic fetched, opcode_fault, field_fault;
  logic fetch_start, fetch_idle, fetch_valid, fetch_ready;
  logic [31:0] fetch_address;
  logic [23:0] fetch_words;
  logic [BUS_BYTES*8-1:0] fetch_word;
  logic [4:0] push, full, empty, pop, busy;
  logic [127:0] instruction, head[5];

  fetch #(
      .BUS_BYTES(BUS_BYTES)
  ) fetch_engine (
      .clock,
      .reset,
      .start(begin_run),
      .program_address,
      .program_length,
      .finished(fetched),
      .opcode_fault,
      .field_fault,
      .reader_start(fetch_start),
      .reader_address(fetch_address),
      .reader_words(fetch_words),
      .reader_idle(fetch_idle),
      .word_valid(fetch_valid),
      .word_ready(fetch_ready),
      .word(fetch_word),
      .push,
      .instruction,
      .full
  );

  for (genvar e = 0; e < 5; e++) begin : queue
    instruction_queue #(.DEPTH(8)) waiting_instructions (
        .clock, .reset, .push(push[e]), .in(instruction), .full(full[e]),
        .pop(pop[e]), .empty(empty[e]), .out(head[e])
    );
  end

  // ---------------------------------------------------------------- tokens
  // present/room/take/put, by (from, to).
  logic [4:0] take[5], put[5], present[5], room[5];  // [to][from] and [from][to]
  for (genvar from = 0; from < 5; from++) begin : token_from
    for (genvar to = 0; to < 5; to++) begin : token_to
      if (is_channel(from, to)) begin : used
        token_channel channel (
            .clock, .reset, .put(put[from][to]), .take(take[to][from]),
            .present(present[to][from]), .room(room[from][to])
        );
      end else begin : unused
        assign present[to][from] = 1'b0;
        assign room[from][to] = 1'b1;
      end
    end
  end

  logic [4:0] begin_work, engine_done;
  for (genvar e = 0; e < 5; e++) begin : engine
    logic [4:0] needed, owed;
    logic second;
    // BCONV's second header is the gather engine's.
    assign second = e == GATHER && head[e][3:0] == OP_BCONV;
    assign needed = channels_in(3'(e), second ? head[e][SECOND_WAIT_LSB+:4] : head[e][WAIT_LSB+:4]);
    assign owed = channels_out(3'(e), second ? head[e][SECOND_POST_LSB+:4] : head[e][POST_LSB+:4]);
    sequencer #(.INPUTS(5), .OUTPUTS(5)) steps (
        .clock, .reset, .available(!empty[e]), .needed, .owed, .present(present[e]),
        .take(take[e]), .room(room[e]), .put(put[e]), .start(begin_work[e]),
        .done(engine_done[e]), .pop(pop[e]), .busy(busy[e])
    );
  end

  // ---------------------------------------------------------------- memory bus
  logic load_start, reader_ready, load_valid, load_ready;
  logic unused_ready, unused_idle;
  logic [31:0] load_address;
  logic [23:0] load_words;
  logic [BUS_BYTES*8-1:0] load_word;
  logic [1:0] ar_valid, ar_ready, r_ready, read_fault, read_quiet;
  logic writer_idle;
  logic [31:0] ar_address[2];
  logic [7:0] ar_length[2];

  axi_reader #(.BUS_BYTES(BUS_BYTES)) fetch_reader (
      .clock, .resetn, .abandon, .start(fetch_start), .address(fetch_address),
      .words(fetch_words), .ready(unused_ready), .idle(fetch_idle), .quiet(read_quiet[0]),
      .word_valid(fetch_valid), .word_ready(fetch_ready), .word(fetch_word),
      .fault(read_fault[0]), .arvalid(ar_valid[0]), .arready(ar_ready[0]),
      .araddr(ar_address[0]), .arlen(ar_length[0]), .rvalid(m_axi_rvalid && !m_axi_rid),
      .rready(r_ready[0]), .rdata(m_axi_rdata), .rresp(m_axi_rresp), .rlast(m_axi_rlast)
  );
  axi_reader #(.BUS_BYTES(BUS_BYTES)) load_reader (
      .clock, .resetn, .abandon, .start(load_start), .address(load_address), .words(load_words),
      .ready(reader_ready), .idle(unused_idle), .quiet(read_quiet[1]), .word_valid(load_valid),
      .word_ready(load_ready), .word(load_word),
      .fault(read_fault[1]), .arvalid(ar_valid[1]), .arready(ar_ready[1]),
      .araddr(ar_address[1]), .arlen(ar_length[1]), .rvalid(m_axi_rvalid && m_axi_rid),
      .rready(r_ready[1]), .rdata(m_axi_rdata), .rresp(m_axi_rresp), .rlast(m_axi_rlast)
  );
  // Once an address is offered, it stays until it is taken.
  logic granted, locked;
  wire chosen = locked ? granted : !ar_valid[0];
  assign m_axi_arvalid = ar_valid[chosen];
  assign m_axi_araddr = ar_address[chosen];
  assign m_axi_arlen = ar_length[chosen];
  assign m_axi_arid = chosen;
  assign ar_ready = m_axi_arready ? 2'b1 << chosen : 2'b0;
  assign m_axi_rready = r_ready[m_axi_rid];
  always_ff @(posedge clock) begin
    granted <= chosen;
    locked <= m_axi_arvalid && !m_axi_arready && resetn;
  end
  assign bus_quiet = read_quiet == '1 && writer_idle;

  // Bursts of whole words at rising addresses; memory may buffer and combine them.
  assign m_axi_arsize = 3'($clog2(BUS_BYTES));
  assign m_axi_awsize = 3'($clog2(BUS_BYTES));
  assign m_axi_arburst = 2'b01;
  assign m_axi_awburst = 2'b01;
  assign m_axi_arcache = 4'b0011;
  assign m_axi_awcache = 4'b0011;
  assign m_axi_arprot = 3'b000;
  assign m_axi_awprot = 3'b000;

  // ---------------------------------------------------------------- activation banks
  logic [3:0] load_bank_enable, store_bank_enable;
  logic [LINE_BITS-1:0] load_bank_address, store_bank_address;
  logic [VECTOR_BITS-1:0] load_bank_data, store_vector;
  logic load_bank_request, store_bank_request;
  logic bank_read_enable;
  logic [4*LINE_BITS-1:0] bank_read_address;
  logic [4*VECTOR_BITS-1:0] bank_read_data;

  for (genvar b = 0; b < 4; b++) begin : activation_bank
    simple_ram #(.DEPTH(ACTIVATION_LINES), .FIELD_BITS(VECTOR_BITS)) memory (
        .clock,
        .write_enable(load_bank_enable[b] | store_bank_enable[b]),
        .write_address(store_bank_request ? store_bank_address : load_bank_address),
        .write_data(store_bank_request ? store_vector : load_bank_data),
        .read_enable(bank_read_enable),
        .read_address(bank_read_address[b*LINE_BITS+:LINE_BITS]),
        .read_data(bank_read_data[b*VECTOR_BITS+:VECTOR_BITS])
    );
  end

  // ---------------------------------------------------------------- load
  logic load_fault;
  logic subset_write, parameter_write, residual_write;
  logic [$clog2(SUBSET_LINES)-1:0] subset_write_address, subset_read_address;
  logic [8:0] subset_write_data, subset_kernel;
  logic [INDEX_BITS-1:0] index_write;
  logic [$clog2(INDEX_LINES)-1:0] index_write_address, index_read_address;
  logic [INDEX_BITS*PLANE_BITS-1:0] index_write_data, index_line;
  logic [$clog2(OUTPUTS)-1:0] parameter_write_address, parameter_read_address;
  logic [127:0] parameter_write_data, parameters;
  logic [$clog2(RESIDUAL_LINES)-1:0] residual_write_address, residual_read_address;
  logic [PIXELS*16-1:0] residual_write_data, residuals;
  logic subset_read, index_read, alu_read, load_engine_idle;

  wire [127:0] load_head = head[LOAD];
  wire is_ldact = load_head[3:0] == OP_LDACT;
  load_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .INDEX_BITS(INDEX_BITS), .BUS_BYTES(BUS_BYTES), .ACTIVATION_LINES(ACTIVATION_LINES),
      .SUBSET_LINES(SUBSET_LINES), .INDEX_LINES(INDEX_LINES), .OUTPUTS(OUTPUTS),
      .RESIDUAL_LINES(RESIDUAL_LINES)
  ) load_unit (
      .clock,
      .reset,
      .start(begin_work[LOAD]),
      .activations(is_ldact),
      .idle(load_engine_idle),
      .address_fault(load_fault),
      .address(is_ldact ? load_head[LDACT_ADDRESS_LSB+:32] : load_head[LOAD_ADDRESS_LSB+:32]),
      .memory(load_head[LOAD_MEMORY_LSB+:LOAD_MEMORY_BITS]),
      .planes(load_head[LOAD_PLANES_LSB+:LOAD_PLANES_BITS]),
      .line(load_head[LOAD_LINE_LSB+:LOAD_LINE_BITS]),
      .count(load_head[LOAD_COUNT_LSB+:LOAD_COUNT_BITS]),
      .image_line(load_head[LDACT_LINE_LSB+:LDACT_LINE_BITS]),
      .first_row(load_head[LDACT_ROW_LSB+:LDACT_ROW_BITS]),
      .rows(load_head[LDACT_ROWS_LSB+:LDACT_ROWS_BITS]),
      .width(load_head[LDACT_WIDTH_LSB+:LDACT_WIDTH_BITS]),
      .blocks(load_head[LDACT_BLOCKS_LSB+:LDACT_BLOCKS_BITS]),
      .pitch(load_head[LDACT_PITCH_LSB+:LDACT_PITCH_BITS]),
      .stride(load_head[LDACT_STRIDE_LSB+:LDACT_STRIDE_BITS]),
      .reader_start(load_start),
      .reader_ready,
      .reader_address(load_address),
      .reader_words(load_words),
      .word_valid(load_valid),
      .word_ready(load_ready),
      .word(load_word),
      .bank_enable(load_bank_enable),
      .bank_address(load_bank_address),
      .bank_data(load_bank_data),
      .bank_request(load_bank_request),
      .bank_granted(!store_bank_request),
      .subset_enable(subset_write),
      .subset_address(subset_write_address),
      .subset_data(subset_write_data),
      .index_enable(index_write),
      .index_address(index_write_address),
      .index_data(index_write_data),
      .parameter_enable(parameter_write),
      .parameter_address(parameter_write_address),
      .parameter_data(parameter_write_data),
      .residual_enable(residual_write),
      .residual_address(residual_write_address),
      .residual_data(residual_write_data)
  );
  assign engine_done[LOAD] = load_engine_idle;

  simple_ram #(.DEPTH(SUBSET_LINES), .FIELD_BITS(9)) subset_memory (
      .clock, .write_enable(subset_write), .write_address(subset_write_address),
      .write_data(subset_write_data), .read_enable(subset_read),
      .read_address(subset_read_address), .read_data(subset_kernel)
  );
  simple_ram #(.DEPTH(INDEX_LINES), .FIELDS(INDEX_BITS), .FIELD_BITS(PLANE_BITS)) index_memory (
      .clock, .write_enable(index_write), .write_address(index_write_address),
      .write_data(index_write_data), .read_enable(index_read),
      .read_address(index_read_address), .read_data(index_line)
  );
  simple_ram #(.DEPTH(OUTPUTS), .FIELD_BITS(128)) parameter_memory (
      .clock, .write_enable(parameter_write), .write_address(parameter_write_address),
      .write_data(parameter_write_data), .read_enable(alu_read),
      .read_address(parameter_read_address), .read_data(parameters)
  );
  simple_ram #(.DEPTH(RESIDUAL_LINES), .FIELD_BITS(PIXELS * 16)) residual_memory (
      .clock, .write_enable(residual_write), .write_address(residual_write_address),
      .write_data(residual_write_data), .read_enable(alu_read),
      .read_address(residual_read_address), .read_data(residuals)
  );

  // ---------------------------------------------------------------- responses
  logic column_mode, stride_two, paired;
  logic [3:0] pad_top, pad_left;
  logic [9:0] height, width, out_width;
  logic [13:0] pitch;
  logic shaped;  // there was a SHAPE in this run
  wire [127:0] response_head = head[RESPONSE];
  wire is_shape = response_head[3:0] == OP_SHAPE;
  wire is_resp = response_head[3:0] == OP_RESP;
  always_ff @(posedge clock) begin
    if (begin_work[RESPONSE] && is_shape) begin
      shaped <= 1'b1;
      column_mode <= response_head[SHAPE_WINDOW_LSB];
      stride_two <= response_head[SHAPE_STRIDE_LSB+1];
      pad_top <= response_head[SHAPE_PAD_TOP_LSB+:4];
      pad_left <= response_head[SHAPE_PAD_LEFT_LSB+:4];
      height <= response_head[SHAPE_HEIGHT_LSB+:10];
      width <= response_head[SHAPE_WIDTH_LSB+:10];
      out_width <= response_head[SHAPE_OUT_WIDTH_LSB+:10];
      pitch <= response_head[SHAPE_PITCH_LSB+:14];
      paired <= response_head[SHAPE_PARTS_LSB];
    end
    if (reset) shaped <= 1'b0;
  end

  wire [13:0] run_line =
      is_resp ? response_head[RESP_LINE_LSB+:14] : response_head[BCONV_LINE_LSB+:14];
  wire [7:0] run_blocks =
      is_resp ? response_head[RESP_BLOCKS_LSB+:8] : response_head[BCONV_BLOCKS_LSB+:8];
  wire [9:0] run_y = is_resp ? response_head[RESP_Y_LSB+:10] : response_head[BCONV_Y_LSB+:10];
  wire [9:0] run_x = is_resp ? response_head[RESP_X_LSB+:10] : response_head[BCONV_X_LSB+:10];
  wire [15:0] run_count =
      is_resp ? response_head[RESP_COUNT_LSB+:16] : response_head[BCONV_COUNT_LSB+:16];
  wire [7:0] run_kernels = response_head[RESP_KERNELS_LSB+:8];

  logic loader_idle, window_fault, windows_free, windows_taken, windows_filled, window_some;
  logic [8:0] tap_enable;
  logic [9*LANE_BITS-1:0] tap_lane;
  logic [9*VECTOR_BITS-1:0] tap_data;
  logic tap_slot, tap_part;
  window_loader #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .ACTIVATION_LINES(ACTIVATION_LINES)
  ) windows (
      .clock,
      .reset,
      .start(begin_work[RESPONSE] && !is_shape),
      .idle(loader_idle),
      .line(run_line),
      .blocks(run_blocks),
      .first_y(run_y),
      .first_x(run_x),
      .count(run_count),
      .column_mode,
      .stride_two,
      .pad_top,
      .pad_left,
      .height,
      .width,
      .out_width,
      .pitch,
      .paired(paired && is_resp),
      .bank_enable(bank_read_enable),
      .bank_address(bank_read_address),
      .bank_data(bank_read_data),
      .address_fault(window_fault),
      .tap_enable,
      .tap_lane,
      .tap_data,
      .tap_slot,
      .tap_part,
      .slot_free(windows_free),
      .slot_taken(windows_taken),
      .slot_filled(windows_filled)
  );

  logic window_head, response_window_slot, gather_window_slot;
  logic response_part;
  logic [TURN_BITS-1:0] response_turn, gather_turn;
  logic [8:0] response_kernel;
  logic [9*CHANNELS-1:0] gather_kernels;
  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] tree_responses;
  logic gather_drives;
  lanes #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .SHARING(TREE_SHARING),
      .ACTIVATION_BITS(ACTIVATION_BITS), .RESPONSE_BITS(RESPONSE_BITS)
  ) all_lanes (
      .clock,
      .tap_enable,
      .tap_lane,
      .tap_data,
      .tap_slot,
      .tap_part,
      .slot(BINARY && gather_drives ? gather_window_slot : response_window_slot),
      .part(BINARY && gather_drives ? 1'b0 : response_part),
      .turn(BINARY && gather_drives ? gather_turn : response_turn),
      .kernels(BINARY && gather_drives ? gather_kernels : {CHANNELS{response_kernel}}),
      .responses(tree_responses)
  );

  logic responses_idle, response_window_taken;
  logic file_free, file_taken, file_filled, file_some;
  logic file_write, file_write_slot;
  logic [TURN_BITS-1:0] file_write_turn;
  logic [KERNEL_BITS-1:0] file_write_kernel;
  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] file_write_data;
  logic response_active;
  response_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .SHARING(TREE_SHARING),
      .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES), .SUBSET_LINES(SUBSET_LINES)
  ) response_unit (
      .clock,
      .reset,
      .start(begin_work[RESPONSE] && is_resp),
      .idle(responses_idle),
      .active(response_active),
      .subset(response_head[RESP_SUBSET_LSB+:8]),
      .kernels(run_kernels),
      .paired,
      .blocks(run_blocks),
      .count(run_count),
      .subset_enable(subset_read),
      .subset_address(subset_read_address),
      .subset_kernel,
      .window_ready(window_some),
      .window_head,
      .window_taken(response_window_taken),
      .slot_free(file_free),
      .slot_taken(file_taken),
      .slot_filled(file_filled),
      .window_slot(response_window_slot),
      .part(response_part),
      .turn(response_turn),
      .kernel(response_kernel),
      .responses(tree_responses),
      .file_enable(file_write),
      .file_slot(file_write_slot),
      .file_turn(file_write_turn),
      .file_kernel(file_write_kernel),
      .file_data(file_write_data)
  );
  assign engine_done[RESPONSE] =
      loader_idle && responses_idle && (is_shape || is_resp || !window_some);

  // ---------------------------------------------------------------- gather
  wire [127:0] gather_head = head[GATHER];
  wire is_bconv = gather_head[3:0] == OP_BCONV;
  logic gather_idle, gather_active, gather_fault, source_taken;
  logic banks_free, bank_taken, bank_filled, bank_some, bank_done;
  logic file_read_slot;
  logic [ADDERS*CHANNELS*KERNEL_BITS-1:0] file_kernels;
  logic [ADDERS*CHANNELS*PIXELS*RESPONSE_BITS-1:0] file_data;
  logic gather_read, gather_bank, gather_write_bank;
  logic [GROUP_BITS-1:0] gather_read_group, gather_write_group;
  logic [ADDERS*PIXELS-1:0] gather_write;
  logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0] gather_write_data, bank_data[2];
  wire bconv_windows = busy[RESPONSE] && !is_shape && !is_resp;

  gather_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .SHARING(TREE_SHARING),
      .INDEX_BITS(INDEX_BITS), .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES),
      .INDEX_LINES(INDEX_LINES), .OUTPUTS(OUTPUTS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
  ) gather_unit (
      .clock,
      .reset,
      .start(begin_work[GATHER]),
      .idle(gather_idle),
      .active(gather_active),
      .address_fault(gather_fault),
      .binary(is_bconv),
      .line(is_bconv ? gather_head[BCONV_KERNEL_LINE_LSB+:16] : gather_head[GATH_LINE_LSB+:16]),
      .groups(is_bconv ? gather_head[BCONV_GROUPS_LSB+:10] : gather_head[GATH_GROUPS_LSB+:10]),
      .blocks(is_bconv ? gather_head[BCONV_BLOCKS_LSB+:8] : gather_head[GATH_BLOCKS_LSB+:8]),
      .count(is_bconv ? gather_head[BCONV_COUNT_LSB+:16] : 16'(gather_head[GATH_TILES_LSB+:12])),
      .sign(gather_head[GATH_SIGN_LSB+:4]),
      .index_enable(index_read),
      .index_address(index_read_address),
      .index_line,
      .source_ready(is_bconv ? window_some && bconv_windows : file_some),
      .window_head,
      .source_taken,
      .bank_free(banks_free),
      .bank_taken,
      .bank_filled,
      .file_slot(file_read_slot),
      .file_kernels,
      .file_data,
      .drives_lanes(gather_drives),
      .window_slot(gather_window_slot),
      .turn(gather_turn),
      .kernels(gather_kernels),
      .tree_responses,
      .read_enable(gather_read),
      .bank(gather_bank),
      .read_group(gather_read_group),
      .read_data(bank_data[gather_write_bank]),
      .write_enable(gather_write),
      .write_bank(gather_write_bank),
      .write_group(gather_write_group),
      .write_data(gather_write_data)
  );
  assign engine_done[GATHER] = gather_idle;

  response_file #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .SHARING(TREE_SHARING),
      .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES)
  ) responses_of_blocks (
      .clock,
      .write_enable(file_write),
      .write_slot(file_write_slot),
      .write_turn(file_write_turn),
      .write_kernel(file_write_kernel),
      .write_data(file_write_data),
      .read_slot(file_read_slot),
      .read_kernels(file_kernels),
      .read_data(file_data)
  );

  // Slots and banks: whose work may begin, and which may be filled.
  wire gather_window_taken = is_bconv && source_taken;
  always_ff @(posedge clock) begin
    if (response_window_taken || gather_window_taken) window_head <= !window_head;
    if (reset) window_head <= 1'b0;
  end
  slot_counter windows_some_counter (
      .clock, .reset, .enter(windows_filled),
      .leave(response_window_taken || gather_window_taken), .some(window_some)
  );
  slot_counter #(.INITIAL(2), .BYPASS(1'b1)) windows_free_counter (
      .clock, .reset, .enter(response_window_taken || gather_window_taken),
      .leave(windows_taken), .some(windows_free)
  );
  slot_counter file_some_counter (
      .clock, .reset, .enter(file_filled), .leave(!is_bconv && source_taken), .some(file_some)
  );
  slot_counter #(.INITIAL(2), .BYPASS(1'b1)) file_free_counter (
      .clock, .reset, .enter(!is_bconv && source_taken), .leave(file_taken), .some(file_free)
  );
  slot_counter bank_some_counter (
      .clock, .reset, .enter(bank_filled), .leave(bank_done), .some(bank_some)
  );
  slot_counter #(.INITIAL(2)) bank_free_counter (
      .clock, .reset, .enter(bank_done), .leave(bank_taken), .some(banks_free)
  );

  // ---------------------------------------------------------------- accumulators and ALU
  logic alu_idle, alu_fault, alu_bank, alu_bank_q;
  logic [GROUP_BITS-1:0] alu_group;
  always_ff @(posedge clock) alu_bank_q <= alu_bank;
  for (genvar b = 0; b < 2; b++) begin : accumulator_bank
    wire by_gather = gather_read && gather_bank == 1'(b);
    simple_ram #(
        .DEPTH(GROUPS), .FIELDS(ACCUMULATOR_FIELDS),
        .FIELD_BITS(ADDERS * PIXELS * ACCUMULATOR_BITS / ACCUMULATOR_FIELDS)
    ) memory (
        .clock,
        .write_enable(gather_write_bank == 1'(b) ? gather_write[ACCUMULATOR_FIELDS-1:0] : '0),
        .write_address(gather_write_group),
        .write_data(gather_write_data),
        .read_enable(by_gather || (alu_read && alu_bank == 1'(b))),
        .read_address(by_gather ? gather_read_group : alu_group),
        .read_data(bank_data[b])
    );
  end

  logic [ALU_TURNS-1:0] plane_write;
  logic [ALU_PIXELS*CHANNELS-1:0] vector_write;
  logic [$clog2(PLANE_LINES)-1:0] plane_write_address, plane_read_address;
  logic [ALU_TURNS*ALU_PIXELS*32-1:0] plane_write_data, plane_line;
  logic [$clog2(VECTOR_LINES)-1:0] vector_read_address;
  logic [ALU_PIXELS*BANK_LINE_BITS-1:0] vector_write_address;
  logic [ALU_PIXELS*VECTOR_BITS-1:0] vector_write_data, vector_lines;
  wire [127:0] alu_head = head[ALU_ENGINE];
  alu_engine #(
      .PIXELS(PIXELS), .LANES(ALU_PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS),
      .ACTIVATION_BITS(ACTIVATION_BITS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS), .OUTPUTS(OUTPUTS),
      .RESIDUAL_LINES(RESIDUAL_LINES), .PLANE_LINES(PLANE_LINES), .VECTOR_LINES(VECTOR_LINES)
  ) alu_unit (
      .clock,
      .reset,
      .start(begin_work[ALU_ENGINE]),
      .idle(alu_idle),
      .address_fault(alu_fault),
      .tiles(alu_head[ALU_TILES_LSB+:12]),
      .groups(alu_head[ALU_GROUPS_LSB+:10]),
      .parameter_line(alu_head[ALU_PARAMETER_LSB+:10]),
      .affine(alu_head[ALU_AFFINE_LSB]),
      .shift(alu_head[ALU_SHIFT_LSB+:5]),
      .residual(alu_head[ALU_RESIDUAL_LSB]),
      .prelu(alu_head[ALU_PRELU_LSB]),
      .clip(alu_head[ALU_CLIP_LSB]),
      .plane(alu_head[ALU_PLANE_LSB+:2]),
      .plane_line(alu_head[ALU_PLANE_LINE_LSB+:12]),
      .vector(alu_head[ALU_VECTOR_LSB+:2]),
      .vector_line(alu_head[ALU_VECTOR_LINE_LSB+:14]),
      .requantize(alu_head[ALU_REQUANTIZE_LSB+:5]),
      .residual_line(alu_head[ALU_RESIDUAL_LINE_LSB+:12]),
      .bank_ready(bank_some),
      .bank_done,
      .read_enable(alu_read),
      .bank(alu_bank),
      .group(alu_group),
      .accumulators(bank_data[alu_bank_q]),
      .parameter_address(parameter_read_address),
      .parameters,
      .residual_address(residual_read_address),
      .residuals,
      .plane_enable(plane_write),
      .plane_address(plane_write_address),
      .plane_data(plane_write_data),
      .vector_enable(vector_write),
      .vector_address(vector_write_address),
      .vector_data(vector_write_data)
  );
  assign engine_done[ALU_ENGINE] = alu_idle;

  // ---------------------------------------------------------------- store
  logic store_read, store_idle, store_fault;
  logic writer_start, write_fault, write_valid, write_ready;
  logic [23:0] writer_words;
  logic [BUS_BYTES*8-1:0] write_word;
  logic [BUS_BYTES-1:0] write_strobe;
  simple_ram #(
      .DEPTH(PLANE_LINES), .FIELDS(ALU_TURNS), .FIELD_BITS(ALU_PIXELS * 32)
  ) plane_memory (
      .clock, .write_enable(plane_write), .write_address(plane_write_address),
      .write_data(plane_write_data), .read_enable(store_read),
      .read_address(plane_read_address), .read_data(plane_line)
  );
  for (genvar b = 0; b < ALU_PIXELS; b++) begin : vector_bank
    simple_ram #(
        .DEPTH(VECTOR_LINES / ALU_PIXELS), .FIELDS(CHANNELS), .FIELD_BITS(ACTIVATION_BITS)
    ) memory (
        .clock,
        .write_enable(vector_write[b*CHANNELS+:CHANNELS]),
        .write_address(vector_write_address[b*BANK_LINE_BITS+:BANK_LINE_BITS]),
        .write_data(vector_write_data[b*VECTOR_BITS+:VECTOR_BITS]),
        .read_enable(store_read),
        .read_address(vector_read_address[$clog2(VECTOR_LINES)-1:VECTOR_BANK_BITS]),
        .read_data(vector_lines[b*VECTOR_BITS+:VECTOR_BITS])
    );
  end
  logic [VECTOR_BANK_BITS-1:0] vector_bank_read;
  always_ff @(posedge clock)
    if (store_read) vector_bank_read <= vector_read_address[VECTOR_BANK_BITS-1:0];
  always_comb begin
    store_vector = '0;
    for (int b = 0; b < ALU_PIXELS; b++)
      if (vector_bank_read == VECTOR_BANK_BITS'(b))
        store_vector = vector_lines[b*VECTOR_BITS+:VECTOR_BITS];
  end

  wire [127:0] store_head = head[STORE];
  wire is_planes = store_head[3:0] == OP_STPLN;
  wire is_keep = store_head[3:0] == OP_KEEP;
  store_engine #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .BUS_BYTES(BUS_BYTES), .ACTIVATION_LINES(ACTIVATION_LINES), .PLANE_LINES(PLANE_LINES),
      .VECTOR_LINES(VECTOR_LINES)
  ) store_unit (
      .clock,
      .reset,
      .start(begin_work[STORE]),
      .idle(store_idle),
      .address_fault(store_fault),
      .planes(is_planes),
      .keep(is_keep),
      .trunk(store_head[STPLN_PLANE_LSB+1]),
      .line(is_planes ? 14'(store_head[STPLN_LINE_LSB+:12])
          : is_keep ? store_head[KEEP_LINE_LSB+:14] : store_head[STVEC_LINE_LSB+:14]),
      .count(is_planes ? store_head[STPLN_COUNT_LSB+:16]
          : is_keep ? 16'(store_head[KEEP_COUNT_LSB+:14]) : store_head[STVEC_COUNT_LSB+:16]),
      .blocks(store_head[KEEP_BLOCKS_LSB+:8]),
      .block_lines(store_head[KEEP_BLOCK_LINES_LSB+:14]),
      .first_row(store_head[KEEP_Y_LSB+:10]),
      .width(store_head[KEEP_WIDTH_LSB+:10]),
      .destination(store_head[KEEP_DESTINATION_LSB+:14]),
      .pitch(store_head[KEEP_PITCH_LSB+:14]),
      .read_enable(store_read),
      .plane_address(plane_read_address),
      .plane_line(plane_line[PIXELS*32-1:0]),
      .vector_address(vector_read_address),
      .vector_line(store_vector),
      .writer_start,
      .writer_words,
      .word_valid(write_valid),
      .word_ready(write_ready),
      .word(write_word),
      .strobe(write_strobe),
      .bank_enable(store_bank_enable),
      .bank_address(store_bank_address),
      .bank_request(store_bank_request),
      .bank_granted(1'b1)
  );
  // A token says that what was stored is in memory.
  assign engine_done[STORE] = store_idle && (store_head[POST_LSB+:4] == 0 || writer_idle);

  axi_writer #(.BUS_BYTES(BUS_BYTES)) store_writer (
      .clock, .resetn, .abandon, .start(writer_start),
      .address(is_planes ? store_head[STPLN_ADDRESS_LSB+:32] : store_head[STVEC_ADDRESS_LSB+:32]),
      .words(writer_words), .idle(writer_idle), .word_valid(write_valid),
      .word_ready(write_ready), .word(write_word), .strobe(write_strobe), .fault(write_fault),
      .awvalid(m_axi_awvalid), .awready(m_axi_awready), .awaddr(m_axi_awaddr),
      .awlen(m_axi_awlen), .wvalid(m_axi_wvalid), .wready(m_axi_wready), .wdata(m_axi_wdata),
      .wstrb(m_axi_wstrb), .wlast(m_axi_wlast), .bvalid(m_axi_bvalid), .bready(m_axi_bready),
      .bresp(m_axi_bresp)
  );

  // ---------------------------------------------------------------- traps, counters
  // A field that is legal by its bits may still be too large for this configuration.
  logic configuration_fault;
  always_comb begin
    configuration_fault = 1'b0;
    if (begin_work[LOAD] && !is_ldact && load_head[LOAD_MEMORY_LSB+:2] == 2'd1)
      configuration_fault = load_head[LOAD_PLANES_LSB+:4] == 0
          || load_head[LOAD_PLANES_LSB+:4] > 4'(INDEX_BITS);
    if (begin_work[RESPONSE] && is_resp)
      configuration_fault = configuration_fault || run_kernels > 8'(RESPONSES);
    if (begin_work[RESPONSE] && !is_shape)
      configuration_fault = configuration_fault || !shaped;
    if (begin_work[GATHER])
      configuration_fault = configuration_fault || (is_bconv && !BINARY)
          || (is_bconv ? gather_head[BCONV_GROUPS_LSB+:10] : gather_head[GATH_GROUPS_LSB+:10])
              > 10'(GROUPS);
    if (begin_work[ALU_ENGINE])
      configuration_fault = configuration_fault || alu_head[ALU_GROUPS_LSB+:10] > 10'(GROUPS);
  end

  // The subset of a run, or of both parts of paired units, past the end of its memory.
  wire [9:0] subset_end = 10'(response_head[RESP_SUBSET_LSB+:8])
      + (paired ? {1'b0, run_kernels, 1'b0} : 10'(run_kernels));
  wire subset_fault = begin_work[RESPONSE] && is_resp && subset_end > 10'(SUBSET_LINES);

  // Addresses in DRAM are multiples of the bus width.
  localparam int WORD_BITS = $clog2(BUS_BYTES);
  wire load_unaligned = begin_work[LOAD] && (is_ldact ? load_head[LDACT_ADDRESS_LSB+:WORD_BITS]
      : load_head[LOAD_ADDRESS_LSB+:WORD_BITS]) != 0;
  wire store_unaligned = writer_start && (is_planes ? store_head[STPLN_ADDRESS_LSB+:WORD_BITS]
      : store_head[STVEC_ADDRESS_LSB+:WORD_BITS]) != 0;

  // Nothing moves for as long as no memory should take: the engines wait for each other.
  localparam int PATIENCE_BITS = 16;
  logic [PATIENCE_BITS-1:0] still;
  wire moving = (m_axi_arvalid && m_axi_arready) || (m_axi_rvalid && m_axi_rready)
      || (m_axi_awvalid && m_axi_awready) || (m_axi_wvalid && m_axi_wready) || m_axi_bvalid
      || |begin_work || |pop || response_active || gather_active || alu_read || bank_read_enable
      || load_bank_request || store_bank_request;
  wire deadlock = running && &still;

  wire done = fetched && empty == '1 && busy == '0 && writer_idle;
  always_ff @(posedge clock) begin
    still <= moving || !running ? '0 : still + 1'b1;
    if (begin_run) starting <= 1'b0;
    if (start) begin
      starting <= 1'b1;
      running <= 1'b1;
      finished <= 1'b0;
      trap <= '0;
    end else if (running && trap == 0) begin
      if (opcode_fault) trap <= 3'd1;
      else if (field_fault || configuration_fault) trap <= 3'd2;
      else if (load_fault || store_fault || window_fault || gather_fault || alu_fault
               || subset_fault)
        trap <= 3'd3;
      else if (|read_fault || write_fault || load_unaligned || store_unaligned) trap <= 3'd4;
      else if (deadlock) trap <= 3'd5;
      else if (done) begin
        running <= 1'b0;
        finished <= 1'b1;
      end
    end else if (trap != 0) running <= 1'b0;
    if (clear || !resetn) begin
      starting <= 1'b0;
      running <= 1'b0;
      finished <= 1'b0;
      trap <= '0;
    end
  end
  assign finish_interrupt = finished || trap != 0;

  logic [31:0] counter[COUNTERS];
  wire [COUNTERS-1:0] counted = {
    busy[GATHER] && !gather_active && !banks_free,                   // 11 gather: no bank
    busy[GATHER] && !gather_active && banks_free,                    // 10 gather: no responses
    busy[RESPONSE] && !response_active && !file_free,                // 9 response: no slot
    busy[RESPONSE] && !response_active && file_free && !window_some,  // 8 response: no windows
    m_axi_wvalid && m_axi_wready,                                    // 7 words written
    m_axi_rvalid && m_axi_rready,                                    // 6 words read
    busy[STORE],                                                     // 5
    alu_read,                                                        // 4
    gather_active,                                                   // 3
    response_active,                                                 // 2
    busy[LOAD],                                                      // 1
    running                                                          // 0
  };
  always_ff @(posedge clock)
    for (int i = 0; i < COUNTERS; i++) begin
      if (counted[i]) counter[i] <= counter[i] + 32'd1;
      if (start || clear || !resetn) counter[i] <= '0;
    end
  always_comb for (int i = 0; i < COUNTERS; i++) counters[32*i+:32] = counter[i];
endmodule
