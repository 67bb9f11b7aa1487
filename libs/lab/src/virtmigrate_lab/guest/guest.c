/*
 * A guest that proves a migration: it writes memory at a stated rate, knows what
 * every page must hold, beats on the serial port about once a millisecond, and
 * walks all of its pages, and all blocks of its disks, when the host asks.
 *
 * Command line (decimal numbers): name=TEXT ws=MIB rate=MIB_S pat=0|1|2|3 fill=PERCENT
 *   pat 0 sequential, one word a page; 1 random, one word a page; 2 dense, whole pages;
 *   3 whole pages at random.
 *   rate counts touched pages x 4096 bytes: what a migration must send again.
 *   hot=PERCENT of the working set that takes nine writes of ten (0: all alike).
 *   on=MS off=MS quiet=MIB_S: a square wave, rate for on, then quiet for off.
 *   zero=PERCENT of all pages, the last ones, that are zero and stay so.
 *   ramp=MS top=MIB_S: when the host asks, rate rises (or falls) evenly to top in ramp.
 *   d0=MIB d1=MIB s0=N s1=N dws=MIB drate=MIB_S base=BITS: its disks, see disk.c.
 *
 * Serial output: a beat is one byte, 0x80 | (counter & 0x7f). About every 100 beats
 * a record of text follows (seven-bit, so that the two can't be confused):
 *   "S name clock counter writes started walks verified pages errors first_bad flags*sum\n"
 * with hexadecimal numbers; clock is milliseconds by the time-stamp counter. For each
 * disk seven more stand before the star: written flushed blocks verified errors failed
 * first_bad. Bytes are dropped, never waited for, when nobody reads.
 * Serial input: 'V' starts a walk over all pages and disks, 'R' the ramp (anew).
 */

#include "guest.h"

enum {
    COM = 0x3f8,
    PAGE = 4096,
    WORDS = PAGE / 4,
    MIB_PAGES = 256,
    FIRST = 0x200000,           /* pages start here: generations first, then data */
    RECORD_BEATS = 100,
    JUMP_MS = 20,               /* a silence that is worth a record at once */
    PIT_HZ_1000 = 1193,         /* PIT ticks a millisecond */
    READY = 1,
    RAMPED = 2,                 /* the ramp has begun */
};

struct multiboot {
    u32 flags, mem_lower, mem_upper, boot_device;
    const char *cmdline;
};

static struct {
    const char *name;
    u32 name_len, ws, rate, pat, fill, hot, on, off, quiet, zero, ramp, top;
} cfg = { "guest", 5, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0 };

static struct disk_options disks;

static u32 pages;               /* data pages, the first cfg.ws of them get dirty */
static u32 *generation;         /* what each page of the working set must hold */
static u32 *data;
static u32 solid;               /* pages that are not zero, the first ones */
static u32 filled;              /* words of such a page that are not zero */
u32 ms;
static u64 counter, writes, verified;
static u32 started, walks, errors, first_bad = ~0u, flags;
static u32 fill_at, walk_at, write_at, hot_pages, walking;
static u64 boot_at, beat_at, paced_at, wave_at, ramp_at;
static u64 credit;
static u32 page_cost, quiet_cost, quiet_now, ramping, since_record;
static u32 random_state = 0x12345678;

/* ---- output ---------------------------------------------------------------- */

static u8 sum;

static void put(u8 byte)
{
    if (inb(COM + 5) & 0x20) {
        outb(COM, byte);
    }
    sum ^= byte;
}

static void put_hex(u64 value)
{
    int shift = 60;
    while (shift > 0 && !((value >> shift) & 15)) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[(value >> shift) & 15]);
    }
}

void field(u64 value)
{
    put(' ');
    put_hex(value);
}

static void record(void)
{
    u32 i;
    put('\n');
    sum = 0;
    put('S');
    put(' ');
    for (i = 0; i < cfg.name_len; i++) {
        put((u8)cfg.name[i]);
    }
    field(divide(cycles() - boot_at, ms));
    field(counter);
    field(writes);
    field(started);
    field(walks);
    field(verified);
    field(pages);
    field(errors);
    field(first_bad);
    field(flags);
    disk_fields();
    u8 total = sum;
    put('*');
    put_hex(total);
    put('\n');
    since_record = 0;
}

void guest_fault(void)
{
    errors++;
    flags |= 0x80;
    record();
}

/* QEMU's software emulation clears a page's dirty bit without telling its translation
 * cache when the page was marked for sending already (cpu_physical_memory_sync_dirty_bitmap;
 * seen with 7.2.22): what is written through that cache until its next flush is lost in
 * a migration of several passes. A guest that flushes it about once a millisecond is
 * safe, and this one must be: it is here to find the mistakes of migrations. */
static void flush_translations(void)
{
    u32 cr4;
    __asm__ volatile("movl %%cr4, %0\n\txorl $0x80, %0\n\tmovl %0, %%cr4"
                     : "=r"(cr4) : : "memory");
}

static void beat(void)
{
    u64 now = cycles();
    u64 gap = now - beat_at;
    if (gap < ms) {
        return;
    }
    counter++;
    flush_translations();
    put(0x80 | ((u8)counter & 0x7f));
    since_record++;
    if (since_record >= RECORD_BEATS || gap > (u64)JUMP_MS * ms) {
        record();
    }
    /* Keep the phase, but never make up for beats that were missed. */
    beat_at = gap < 2 * (u64)ms ? beat_at + ms : now;
}

/* ---- what a page must hold --------------------------------------------------- */

static void bad(u32 page)
{
    errors++;
    if (page < first_bad) {
        first_bad = page;
    }
}

static void write_words(u32 page, u32 gen)
{
    u32 *p = data + page * WORDS;
    u32 full = page < solid ? filled : 0;
    u32 i;
    for (i = 0; i < full; i++) {
        p[i] = word(page, gen, i);
    }
    for (; i < WORDS; i++) {
        p[i] = 0;
    }
}

static void dirty(u32 page)
{
    u32 *p = data + page * WORDS;
    u32 gen = generation[page];
    u32 before = (gen || filled) ? word(page, gen, 0) : 0;
    if (p[0] != before) {
        bad(page);
    }
    gen++;
    if (cfg.pat & 2) {
        write_words(page, gen);
    }
    p[0] = word(page, gen, 0);
    generation[page] = gen;
    writes++;
}

static void verify(u32 page)
{
    const u32 *p = data + page * WORDS;
    u32 gen = page < cfg.ws ? generation[page] : 0;
    u32 rest = cfg.pat & 2 ? gen : 0;
    u32 full = page < solid ? filled : 0;
    u32 wrong = p[0] ^ ((gen || full) ? word(page, gen, 0) : 0);
    u32 i;
    for (i = 1; i < full; i++) {
        wrong |= p[i] ^ word(page, rest, i);
    }
    for (i = full ? full : 1; i < WORDS; i++) {
        wrong |= p[i];
    }
    if (wrong) {
        bad(page);
    }
    verified++;
}

/* All generations together must be the number of writes: a page of this table that
 * was lost with its data page would otherwise look consistent. */
static void end_walk(void)
{
    u64 total = 0;
    u32 i;
    for (i = 0; i < cfg.ws; i++) {
        total += generation[i];
    }
    if (total != writes) {
        bad(pages);
    }
    walking = 0;
    walks = started;
    record();
}

/* ---- work -------------------------------------------------------------------- */

static u32 next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static u32 below(u32 limit)
{
    return (u32)(((u64)next_random() * limit) >> 32);
}

static u32 next_page(void)
{
    if (cfg.pat & 1) {
        if (hot_pages && below(10)) {
            return below(hot_pages);
        }
        return hot_pages ? hot_pages + below(cfg.ws - hot_pages) : below(cfg.ws);
    }
    write_at = write_at + 1 < cfg.ws ? write_at + 1 : 0;
    return write_at;
}

static u32 cost_of(u32 mib_s)
{
    u64 second = (u64)ms * 1000;
    if (!mib_s || !cfg.ws) {
        return 0;
    }
    u32 cost = divide(second, mib_s * MIB_PAGES);
    return cost ? cost : 1;
}

static void climb(u64 now)
{
    u32 passed = divide(now - ramp_at, ms);
    if (passed >= cfg.ramp) {
        ramping = 0;
        page_cost = cost_of(cfg.top);
        return;
    }
    page_cost = cost_of(divide((u64)cfg.rate * (cfg.ramp - passed)
                               + (u64)cfg.top * passed, cfg.ramp));
}

static void pace(void)
{
    u64 now = cycles();
    u64 passed = now - paced_at;
    u64 most = (u64)BURST_MS * ms;
    paced_at = now;
    credit += passed;
    if (credit > most) {
        credit = most;
    }
    if (cfg.off && now - wave_at > (u64)(quiet_now ? cfg.off : cfg.on) * ms) {
        quiet_now = !quiet_now;
        wave_at = now;
        credit = 0;
    }
    if (ramping) {
        climb(now);
    }
}

static int prepare(void)
{
    if (fill_at < pages) {
        write_words(fill_at++, 0);
    }
    if (fill_at < pages) {
        return 1;
    }
    if (!disk_found()) {
        return 0;
    }
    flags |= READY;
    paced_at = wave_at = cycles();
    record();
    return 1;
}

static int work(void)
{
    u32 cost;
    if (disk_step(flags & READY)) {
        return 1;
    }
    if (!(flags & READY)) {
        return prepare();
    }
    pace();
    cost = quiet_now ? quiet_cost : page_cost;
    if (cost && credit >= cost) {
        credit -= cost;
        dirty(next_page());
        return 1;
    }
    if (walking && walk_at < pages) {
        verify(walk_at++);
        return 1;
    }
    if (walking && !disk_walking()) {
        end_walk();
        return 1;
    }
    return 0;
}

static void listen(void)
{
    while (inb(COM + 5) & 1) {
        u8 asked = inb(COM);
        if (asked == 'V' && flags & READY) {
            started++;
            walk_at = 0;
            walking = 1;
            disk_walk();
        }
        if (asked == 'R' && flags & READY) {
            flags |= RAMPED;
            ramping = 1;
            ramp_at = cycles();
        }
    }
}

/* ---- start ------------------------------------------------------------------- */

static struct { u16 low, selector, type, high; } __attribute__((packed)) idt[48];

extern void on_tick(void), on_disk(void), on_fault(void);

static void start_interrupts(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) pointer;
    u32 i;
    for (i = 0; i < 48; i++) {
        u32 target = (u32)(i == 32 ? on_tick : i == 46 ? on_disk : on_fault);
        idt[i].low = (u16)target;
        idt[i].selector = 8;
        idt[i].type = 0x8E00;
        idt[i].high = (u16)(target >> 16);
    }
    pointer.limit = sizeof idt - 1;
    pointer.base = (u32)idt;
    __asm__ volatile("lidt %0" : : "m"(pointer));
    outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 4); outb(0x21, 1);
    outb(0xA0, 0x11); outb(0xA1, 0x28); outb(0xA1, 2); outb(0xA1, 1);
    outb(0x21, 0xFE);                   /* the timer only */
    outb(0xA1, 0xFF);
    outb(0x43, 0x34);                   /* channel 0, rate generator, 1 kHz */
    outb(0x40, PIT_HZ_1000 & 0xff);
    outb(0x40, PIT_HZ_1000 >> 8);
}

/* A reading of the free-running PIT channel 2 and the cycle at which it was taken,
 * retried until nobody came between the two. */
static u32 pit(u64 *at)
{
    u32 value, best = ~0u, kept = 0, tries;
    for (tries = 0; tries < 16; tries++) {
        u64 before = cycles();
        outb(0x43, 0x80);
        u64 after = cycles();
        value = inb(0x42);
        value |= (u32)inb(0x42) << 8;
        if ((u32)(after - before) < best) {
            best = (u32)(after - before);
            *at = before + best / 2;
            kept = value;
        }
    }
    return kept;
}

static void calibrate(void)
{
    u64 t0 = 0, t1 = 0, ignored = 0;
    u32 p0, p1;
    outb(0x61, (inb(0x61) & ~2) | 1);   /* gate on, speaker off */
    outb(0x43, 0xB4);                   /* channel 2, rate generator, 65536 */
    outb(0x42, 0);
    outb(0x42, 0);
    do {
        p0 = pit(&t0);
    } while (p0 < 0xF000);
    do {
        p1 = pit(&ignored);
    } while (p1 > 0x4000);
    p1 = pit(&t1);
    ms = divide((t1 - t0) * PIT_HZ_1000, p0 > p1 ? p0 - p1 : 1);
}

static u32 number(const char *s)
{
    u32 value = 0;
    while (*s >= '0' && *s <= '9') {
        value = value * 10 + (u32)(*s++ - '0');
    }
    return value;
}

static const char *after(const char *s, const char *key)
{
    while (*key && *s == *key) {
        s++;
        key++;
    }
    return *key ? 0 : s;
}

static void parse(const char *s)
{
    static const struct { const char *key; u32 *value; } table[] = {
        { "ws=", &cfg.ws }, { "rate=", &cfg.rate }, { "pat=", &cfg.pat },
        { "fill=", &cfg.fill }, { "hot=", &cfg.hot }, { "on=", &cfg.on },
        { "off=", &cfg.off }, { "quiet=", &cfg.quiet }, { "zero=", &cfg.zero },
        { "ramp=", &cfg.ramp }, { "top=", &cfg.top },
        { "d0=", &disks.mib[0] }, { "d1=", &disks.mib[1] },
        { "s0=", &disks.seed[0] }, { "s1=", &disks.seed[1] },
        { "dws=", &disks.set }, { "drate=", &disks.rate }, { "base=", &disks.based },
    };
    while (*s) {
        u32 i;
        const char *value = after(s, "name=");
        if (value) {
            cfg.name = value;
            for (cfg.name_len = 0; value[cfg.name_len] > ' '; cfg.name_len++) {
            }
        }
        for (i = 0; i < sizeof table / sizeof table[0]; i++) {
            value = after(s, table[i].key);
            if (value) {
                *table[i].value = number(value);
            }
        }
        while (*s > ' ') {
            s++;
        }
        while (*s == ' ') {
            s++;
        }
    }
}

static void lay_out(u32 top)
{
    u32 all = (top - FIRST) / PAGE;
    u32 table = (all * 4 + PAGE - 1) / PAGE;
    generation = (u32 *)FIRST;
    data = generation + table * WORDS;
    pages = all - table;
    cfg.ws *= MIB_PAGES;
    if (cfg.ws > pages) {
        cfg.ws = pages;
    }
    solid = pages - divide((u64)pages * cfg.zero, 100);
    if (solid < cfg.ws) {
        solid = cfg.ws;
    }
    hot_pages = divide((u64)cfg.ws * cfg.hot, 100);
    if (hot_pages >= cfg.ws) {
        hot_pages = 0;
    }
    filled = cfg.fill >= 100 ? WORDS : WORDS * cfg.fill / 100;
}

void guest_main(const struct multiboot *info)
{
    outb(COM + 1, 0);                   /* polled, 8 bits, with its FIFOs */
    outb(COM + 3, 3);
    outb(COM + 2, 1);
    outb(COM + 4, 3);
    parse(info->cmdline);
    lay_out(0x100000 + info->mem_upper * 1024);
    calibrate();
    page_cost = cost_of(cfg.rate);
    quiet_cost = cost_of(cfg.quiet);
    start_interrupts();
    disk_start(&disks);
    boot_at = beat_at = cycles();
    record();
    for (;;) {
        beat();
        listen();
        if (!work()) {
            __asm__ volatile("sti; hlt; cli");
        }
    }
}
