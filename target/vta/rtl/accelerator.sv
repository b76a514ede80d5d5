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
    parameter int BUS_BYTES = 8,
    parameter int IDENTITY = 0  // what software knows this configuration by
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
  localparam bit BINARY = INDEX_BITS == 9;
  localparam int ALU_TURNS = (PIXELS + ALU_PIXELS - 1) / ALU_PIXELS;
  localparam int BANK_LINE_BITS = $clog2(VECTOR_LINES) - $clog2(ALU_PIXELS);
  localparam int LOAD = 0, RESPONSE = 1, GATHER = 2, EPILOGUE = 3, STORE = 4;
  localparam int COUNTERS = 12, PLACES = 6;

  // ---------------------------------------------------------------- control
  logic start, clear, abandon, reset, begin_run, running, finished, bus_quiet;
  logic [2:0] trap, trap_engine;
  logic [31:0] program_address, program_length, memory_base, memory_size;
  logic [COUNTERS*32-1:0] counters;
  logic [PLACES*32-1:0] places;

  control_registers #(
      .COUNTERS(COUNTERS), .PLACES(PLACES), .IDENTITY(IDENTITY)
  ) registers (
      .clock, .resetn,
      .awaddr(s_axil_awaddr), .awvalid(s_axil_awvalid), .awready(s_axil_awready),
      .wdata(s_axil_wdata), .wvalid(s_axil_wvalid), .wready(s_axil_wready),
      .bresp(s_axil_bresp), .bvalid(s_axil_bvalid), .bready(s_axil_bready),
      .araddr(s_axil_araddr), .arvalid(s_axil_arvalid), .arready(s_axil_arready),
      .rdata(s_axil_rdata), .rresp(s_axil_rresp), .rvalid(s_axil_rvalid), .rready(s_axil_rready),
      .start, .clear, .bus_quiet, .program_address, .program_length, .memory_base, .memory_size,
      .running, .finished, .trap, .trap_engine, .counters, .places
  );

  // ---------------------------------------------------------------- memory bus
  logic fetch_start, fetch_idle, fetch_valid, fetch_ready, fetch_bus_fault;
  logic [31:0] fetch_address;
  logic [23:0] fetch_words;
  logic [BUS_BYTES*8-1:0] fetch_word;
  logic load_start, load_free, load_valid, load_ready, load_bus_fault;
  logic [31:0] load_address;
  logic [23:0] load_words;
  logic [BUS_BYTES*8-1:0] load_word;
  logic store_start, store_written, store_valid, store_ready, store_bus_fault;
  logic [31:0] store_address;
  logic [23:0] store_words;
  logic [BUS_BYTES*8-1:0] store_word;
  logic [BUS_BYTES-1:0] store_strobe;

  memory_bus #(
      .BUS_BYTES(BUS_BYTES)
  ) bus (
      .clock, .resetn, .abandon, .quiet(bus_quiet), .memory_base, .memory_size,
      .fetch_start, .fetch_address, .fetch_words, .fetch_idle,
      .fetch_valid, .fetch_ready, .fetch_word, .fetch_fault(fetch_bus_fault),
      .load_start, .load_address, .load_words, .load_free,
      .load_valid, .load_ready, .load_word, .load_fault(load_bus_fault),
      .store_start, .store_address, .store_words, .store_idle(store_written),
      .store_valid, .store_ready, .store_word, .store_strobe, .store_fault(store_bus_fault),
      .arvalid(m_axi_arvalid), .arready(m_axi_arready), .araddr(m_axi_araddr),
      .arlen(m_axi_arlen), .arid(m_axi_arid), .arsize(m_axi_arsize), .arburst(m_axi_arburst),
      .arcache(m_axi_arcache), .arprot(m_axi_arprot),
      .rvalid(m_axi_rvalid), .rready(m_axi_rready), .rdata(m_axi_rdata), .rid(m_axi_rid),
      .rresp(m_axi_rresp), .rlast(m_axi_rlast),
      .awvalid(m_axi_awvalid), .awready(m_axi_awready), .awaddr(m_axi_awaddr),
      .awlen(m_axi_awlen), .awsize(m_axi_awsize), .awburst(m_axi_awburst),
      .awcache(m_axi_awcache), .awprot(m_axi_awprot),
      .wvalid(m_axi_wvalid), .wready(m_axi_wready), .wdata(m_axi_wdata), .wstrb(m_axi_wstrb),
      .wlast(m_axi_wlast),
      .bvalid(m_axi_bvalid), .bready(m_axi_bready), .bresp(m_axi_bresp)
  );

  // ---------------------------------------------------------------- instructions
  logic fetched, fetch_taken, dispatch_idle, opcode_fault, field_fault;
  logic [127:0] instruction;
  // By engine.
  logic [4:0] push, full, begin_work, done, leave, busy;
  logic [5*128-1:0] heads;

  fetch #(
      .BUS_BYTES(BUS_BYTES)
  ) fetch_engine (
      .clock, .reset, .start(begin_run), .program_address, .program_length,
      .finished(fetched), .opcode_fault, .field_fault,
      .reader_start(fetch_start), .reader_address(fetch_address), .reader_words(fetch_words),
      .reader_idle(fetch_idle), .word_valid(fetch_valid), .word_ready(fetch_ready),
      .word(fetch_word),
      .push, .taken(fetch_taken), .instruction, .full
  );
  dispatch instructions (
      .clock, .reset, .push, .instruction, .full, .heads, .begin_work, .done, .leave, .busy,
      .idle(dispatch_idle)
  );

  // ---------------------------------------------------------------- load
  logic [3:0] load_bank_request, store_bank_enable;
  logic [LINE_BITS-1:0] load_bank_address, store_bank_address;
  logic [VECTOR_BITS-1:0] load_bank_data, store_bank_data;
  logic load_bank_granted, image_read, load_fault;
  logic [4*LINE_BITS-1:0] image_address;
  logic [4*VECTOR_BITS-1:0] image_data;
  logic subset_read, index_read, alu_read;
  logic [$clog2(SUBSET_LINES)-1:0] subset_address;
  logic [8:0] subset_kernel;
  logic [$clog2(INDEX_LINES)-1:0] index_address;
  logic [INDEX_BITS*ADDERS*CHANNELS-1:0] index_line;
  logic [$clog2(OUTPUTS)-1:0] parameter_address;
  logic [127:0] parameters;
  logic [$clog2(RESIDUAL_LINES)-1:0] residual_address;
  logic [PIXELS*16-1:0] residuals;

  load_unit #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .ACTIVATION_BITS(ACTIVATION_BITS),
      .INDEX_BITS(INDEX_BITS), .BUS_BYTES(BUS_BYTES), .ACTIVATION_LINES(ACTIVATION_LINES),
      .SUBSET_LINES(SUBSET_LINES), .INDEX_LINES(INDEX_LINES), .OUTPUTS(OUTPUTS),
      .RESIDUAL_LINES(RESIDUAL_LINES)
  ) load (
      .clock, .reset, .start(begin_work[LOAD]), .instruction(heads[128*LOAD+:128]),
      .done(done[LOAD]), .address_fault(load_fault),
      .reader_start(load_start), .reader_ready(load_free), .reader_address(load_address),
      .reader_words(load_words), .word_valid(load_valid), .word_ready(load_ready),
      .word(load_word),
      .bank_request(load_bank_request), .bank_granted(load_bank_granted),
      .bank_address(load_bank_address), .bank_data(load_bank_data),
      .subset_read, .subset_address, .subset_kernel, .index_read, .index_address, .index_line,
      .alu_read, .parameter_address, .parameters, .residual_address, .residuals
  );
  activation_banks #(
      .LINES(ACTIVATION_LINES), .VECTOR_BITS(VECTOR_BITS)
  ) activations (
      .clock,
      .load_request(load_bank_request), .load_granted(load_bank_granted),
      .load_address(load_bank_address), .load_data(load_bank_data),
      .store_enable(store_bank_enable), .store_address(store_bank_address),
      .store_data(store_bank_data),
      .read_enable(image_read), .read_address(image_address), .read_data(image_data)
  );

  // ---------------------------------------------------------------- responses
  logic response_active, window_fault, shaped, paired;
  logic [8:0] tap_enable;
  logic [9*LANE_BITS-1:0] tap_lane;
  logic [9*VECTOR_BITS-1:0] tap_data;
  logic tap_slot, tap_part;
  logic window_ready, window_head, binary_window_ready, binary_window_taken;
  logic response_window_slot, gather_window_slot, response_part, gather_drives;
  logic [TURN_BITS-1:0] response_turn, gather_turn;
  logic [8:0] response_kernel;
  logic [9*CHANNELS-1:0] gather_kernels;
  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] tree_responses;
  logic file_free, file_taken, file_filled, file_write, file_write_slot;
  logic [TURN_BITS-1:0] file_write_turn;
  logic [KERNEL_BITS-1:0] file_write_kernel;
  logic [CHANNELS*TREES*RESPONSE_BITS-1:0] file_write_data;
  logic file_ready, file_emptied, file_read_slot;
  logic [ADDERS*CHANNELS*KERNEL_BITS-1:0] file_read_kernels;
  logic [ADDERS*CHANNELS*PIXELS*RESPONSE_BITS-1:0] file_read_data;

  response_unit #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .SHARING(TREE_SHARING),
      .ACTIVATION_BITS(ACTIVATION_BITS), .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES),
      .ACTIVATION_LINES(ACTIVATION_LINES), .SUBSET_LINES(SUBSET_LINES)
  ) response (
      .clock, .reset, .start(begin_work[RESPONSE]), .busy(busy[RESPONSE]),
      .instruction(heads[128*RESPONSE+:128]), .done(done[RESPONSE]), .active(response_active),
      .address_fault(window_fault), .shaped, .paired,
      .bank_enable(image_read), .bank_address(image_address), .bank_data(image_data),
      .subset_enable(subset_read), .subset_address, .subset_kernel,
      .tap_enable, .tap_lane, .tap_data, .tap_slot, .tap_part,
      .window_ready, .binary_window_ready, .window_head, .binary_window_taken,
      .window_slot(response_window_slot), .part(response_part), .turn(response_turn),
      .kernel(response_kernel), .responses(tree_responses),
      .slot_free(file_free), .slot_taken(file_taken), .slot_filled(file_filled),
      .file_enable(file_write), .file_slot(file_write_slot), .file_turn(file_write_turn),
      .file_kernel(file_write_kernel), .file_data(file_write_data)
  );

  // Binary convolutions have the trees for each channel's own kernel.
  wire binary = BINARY && gather_drives;
  lanes #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .SHARING(TREE_SHARING),
      .ACTIVATION_BITS(ACTIVATION_BITS), .RESPONSE_BITS(RESPONSE_BITS)
  ) windows_and_trees (
      .clock, .tap_enable, .tap_lane, .tap_data, .tap_slot, .tap_part,
      .slot(binary ? gather_window_slot : response_window_slot),
      .part(binary ? 1'b0 : response_part),
      .turn(binary ? gather_turn : response_turn),
      .kernels(binary ? gather_kernels : {CHANNELS{response_kernel}}),
      .responses(tree_responses)
  );
  response_file #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .SHARING(TREE_SHARING),
      .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES)
  ) responses_of_blocks (
      .clock, .write_enable(file_write), .write_slot(file_write_slot),
      .write_turn(file_write_turn), .write_kernel(file_write_kernel),
      .write_data(file_write_data), .read_slot(file_read_slot),
      .read_kernels(file_read_kernels), .read_data(file_read_data)
  );
  slot_pair #(.BYPASS(1'b1)) response_slots (
      .clock, .reset, .taken(file_taken), .filled(file_filled), .emptied(file_emptied),
      .free(file_free), .some(file_ready)
  );

  // ---------------------------------------------------------------- gather
  logic gather_active, gather_fault;
  logic bank_free, bank_taken, bank_filled, bank_ready, bank_done;
  logic gather_read, gather_read_bank, gather_write_bank, alu_bank;
  logic [GROUP_BITS-1:0] gather_read_group, gather_write_group, alu_group;
  logic [ADDERS*PIXELS-1:0] gather_write;
  logic [ADDERS*PIXELS*ACCUMULATOR_BITS-1:0] gather_read_data, gather_write_data, alu_data;

  gather_unit #(
      .PIXELS(PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS), .SHARING(TREE_SHARING),
      .INDEX_BITS(INDEX_BITS), .RESPONSE_BITS(RESPONSE_BITS), .RESPONSES(RESPONSES),
      .INDEX_LINES(INDEX_LINES), .OUTPUTS(OUTPUTS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
  ) gather (
      .clock, .reset, .start(begin_work[GATHER]), .instruction(heads[128*GATHER+:128]),
      .done(done[GATHER]), .active(gather_active), .address_fault(gather_fault),
      .index_enable(index_read), .index_address, .index_line,
      .responses_ready(file_ready), .responses_taken(file_emptied),
      .window_ready(binary_window_ready), .window_head, .window_taken(binary_window_taken),
      .bank_free, .bank_taken, .bank_filled,
      .file_slot(file_read_slot), .file_kernels(file_read_kernels), .file_data(file_read_data),
      .drives_lanes(gather_drives), .window_slot(gather_window_slot), .turn(gather_turn),
      .kernels(gather_kernels), .tree_responses,
      .read_enable(gather_read), .bank(gather_read_bank), .read_group(gather_read_group),
      .read_data(gather_read_data), .write_enable(gather_write), .write_bank(gather_write_bank),
      .write_group(gather_write_group), .write_data(gather_write_data)
  );
  // Binary convolutions write an adder's and a turn's accumulators apart.
  accumulators #(
      .GROUPS(GROUPS), .GROUP_WORDS(ADDERS * PIXELS), .BITS(ACCUMULATOR_BITS), .APART(BINARY)
  ) sums (
      .clock, .reset,
      .gather_free(bank_free), .gather_taken(bank_taken), .gather_filled(bank_filled),
      .gather_read, .gather_bank(gather_read_bank), .gather_group(gather_read_group),
      .gather_data(gather_read_data), .write_enable(gather_write),
      .write_bank(gather_write_bank), .write_group(gather_write_group),
      .write_data(gather_write_data),
      .alu_ready(bank_ready), .alu_done(bank_done), .alu_read, .alu_bank, .alu_group, .alu_data
  );

  // ---------------------------------------------------------------- ALU and store
  logic alu_fault, store_fault;
  logic [ALU_TURNS-1:0] plane_enable;
  logic [$clog2(PLANE_LINES)-1:0] plane_address;
  logic [ALU_TURNS*ALU_PIXELS*32-1:0] plane_data;
  logic [ALU_PIXELS*CHANNELS-1:0] vector_enable;
  logic [ALU_PIXELS*BANK_LINE_BITS-1:0] vector_address;
  logic [ALU_PIXELS*VECTOR_BITS-1:0] vector_data;

  alu_unit #(
      .PIXELS(PIXELS), .LANES(ALU_PIXELS), .CHANNELS(CHANNELS), .ADDERS(ADDERS),
      .ACTIVATION_BITS(ACTIVATION_BITS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS), .OUTPUTS(OUTPUTS),
      .RESIDUAL_LINES(RESIDUAL_LINES), .PLANE_LINES(PLANE_LINES), .VECTOR_LINES(VECTOR_LINES)
  ) alu (
      .clock, .reset, .start(begin_work[EPILOGUE]), .instruction(heads[128*EPILOGUE+:128]),
      .done(done[EPILOGUE]), .address_fault(alu_fault), .bank_ready, .bank_done,
      .read_enable(alu_read), .bank(alu_bank), .group(alu_group), .accumulators(alu_data),
      .parameter_address, .parameters, .residual_address, .residuals,
      .plane_enable, .plane_address, .plane_data, .vector_enable, .vector_address, .vector_data
  );
  store_unit #(
      .PIXELS(PIXELS), .ALU_PIXELS(ALU_PIXELS), .CHANNELS(CHANNELS),
      .ACTIVATION_BITS(ACTIVATION_BITS), .BUS_BYTES(BUS_BYTES),
      .ACTIVATION_LINES(ACTIVATION_LINES), .PLANE_LINES(PLANE_LINES), .VECTOR_LINES(VECTOR_LINES)
  ) store (
      .clock, .reset, .start(begin_work[STORE]), .instruction(heads[128*STORE+:128]),
      .done(done[STORE]), .address_fault(store_fault),
      .plane_enable, .plane_address, .plane_data, .vector_enable, .vector_address, .vector_data,
      .writer_start(store_start), .writer_idle(store_written), .writer_address(store_address),
      .writer_words(store_words), .word_valid(store_valid), .word_ready(store_ready),
      .word(store_word), .strobe(store_strobe),
      .bank_enable(store_bank_enable), .bank_address(store_bank_address),
      .bank_data(store_bank_data)
  );

  // ---------------------------------------------------------------- the run
  logic [4:0] configuration_faults;
  logic subset_fault;
  configuration_check #(
      .INDEX_BITS(INDEX_BITS), .RESPONSES(RESPONSES), .GROUPS(GROUPS), .SUBSET_LINES(SUBSET_LINES)
  ) check (
      .begin_work, .heads, .shaped, .paired, .field_faults(configuration_faults), .subset_fault
  );

  run_control control (
      .clock, .resetn, .start, .clear, .bus_quiet,
      .done(fetched && dispatch_idle && store_written),
      .moving((m_axi_arvalid && m_axi_arready) || (m_axi_rvalid && m_axi_rready)
          || (m_axi_awvalid && m_axi_awready) || (m_axi_wvalid && m_axi_wready) || m_axi_bvalid
          || |begin_work || |leave || response_active || gather_active || alu_read
          || image_read || |load_bank_request || |store_bank_enable),
      .opcode_fault,
      // fetch, store, ALU, gather, response, load
      .field_faults({field_fault, configuration_faults}),
      .address_faults({1'b0, store_fault, alu_fault, gather_fault, window_fault || subset_fault,
          load_fault}),
      .bus_faults({fetch_bus_fault, store_bus_fault, 3'b0, load_bus_fault}),
      .abandon, .reset, .begin_run, .running, .finished, .trap, .trap_engine,
      .interrupt(finish_interrupt)
  );

  wire clear_counters = start || clear || !resetn;
  event_counters #(.EVENTS(COUNTERS)) cycles_and_words (
      .clock, .clear(clear_counters), .counts(counters),
      .counted({
        busy[GATHER] && !gather_active && !bank_free,                      // gather: no bank
        busy[GATHER] && !gather_active && bank_free,                       // gather: no responses
        busy[RESPONSE] && !response_active && !file_free,                  // response: no slot
        busy[RESPONSE] && !response_active && file_free && !window_ready,  // response: no windows
        m_axi_wvalid && m_axi_wready,                                      // words written
        m_axi_rvalid && m_axi_rready,                                      // words read
        busy[STORE],
        alu_read,
        gather_active,
        response_active,
        busy[LOAD],
        running
      })
  );
  // How far each engine came in the program: a trap leaves it to be read.
  event_counters #(.EVENTS(PLACES)) instructions_done (
      .clock, .clear(clear_counters), .counted(reset ? '0 : {leave, fetch_taken}), .counts(places)
  );
endmodule
