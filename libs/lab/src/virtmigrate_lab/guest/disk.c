/*
 * Disks: at most two, on the primary IDE channel, by bus-master DMA, one command at a
 * time, never waited for: disk_step looks whether it has ended.
 *
 * A disk is written in blocks of 4 KiB, in order, round and round over its working set.
 * Write number n (from 1) goes to block (n - 1) % set, and n is in the stamp of each of
 * the block's sectors. So the newest stamp tells what every block must hold, to us and
 * to whoever reads the image from outside. A stamp is four words, repeated through the
 * sector: seed, sector, n, and a hash of the three. Blocks that were never written are
 * zero, or, if the disk has a base, stamped with 0.
 */

#include "guest.h"

enum {
    COUNT = 0x1f2, SECTOR_LOW = 0x1f3, SECTOR_MID = 0x1f4, SECTOR_HIGH = 0x1f5,
    DRIVE = 0x1f6, COMMAND = 0x1f7, CONTROL = 0x3f6,
    BUSY = 0x80, FAULT = 0x20, ERROR = 1,               /* of the status */
    RESET = 4,                                          /* of the control */
    MASTER_START = 1, MASTER_READS = 8, MASTER_STATUS = 2, MASTER_TABLE = 4,
    MASTER_ERROR = 2, MASTER_ENDED = 4,                 /* of the master's status */
    WORDS = 128, STAMP = 4, SECTORS = 8,                /* of a sector, of a block */
    MIB_BLOCKS = 256,
    BLOCK = 4096,
    READ_BLOCKS = 16,           /* in one command: what one DMA table entry can say */
    FLUSH_BLOCKS = 256,         /* blocks written between two flushes */
    PATIENCE_MS = 60000,        /* for a command, by the guest's clock */
};

enum kind { NOTHING, FIND, WRITE, FLUSH, READ, CHECK };

static const u8 command[] = {
    [FIND] = 0xC8, [READ] = 0xC8, [WRITE] = 0xCA, [FLUSH] = 0xE7,
};

static struct disk {
    u32 blocks, set, seed, based;
    u32 written, flushed, unflushed;
    u32 found, unsure, wrote, at;       /* at: of the walk, or of the search */
    u32 verified, errors, failed, first_bad;
    u64 credit;
} disks[DISKS];

static struct {
    enum kind kind;
    struct disk *disk;
    u32 at, blocks, checked;
    u64 since;
} now;

/* Between the program and its pages (guest.ld holds it to that), where a DMA table
 * entry can reach all of it: it must not cross a multiple of 64 KiB. */
static u32 *const buffer = (u32 *)0x1E0000;
static struct { u32 address; u16 bytes, last; } table __attribute__((aligned(4)));
static u32 count, cost, turn;
static u16 master;
static u64 paced_at;

static inline void outl(u16 port, u32 value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u32 inl(u16 port)
{
    u32 value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* ---- what a block must hold ---------------------------------------------------- */

static void stamp(const struct disk *disk, u32 sector, u32 number, u32 *words)
{
    words[0] = disk->seed;
    words[1] = sector;
    words[2] = number;
    words[3] = word(disk->seed ^ sector, number, 0);
}

static void fill(const struct disk *disk, u32 block, u32 number)
{
    u32 *p = buffer;
    u32 sector, i;
    for (sector = 0; sector < SECTORS; sector++) {
        u32 words[STAMP];
        stamp(disk, block * SECTORS + sector, number, words);
        for (i = 0; i < WORDS; i++) {
            *p++ = words[i % STAMP];
        }
    }
}

static void check(struct disk *disk, u32 block, const u32 *p)
{
    int ours = block < disk->set && block < disk->written;
    u32 number = ours ? disk->written - (disk->written - 1 - block) % disk->set : 0;
    u32 wrong = 0, sector, i;
    for (sector = 0; sector < SECTORS; sector++) {
        u32 words[STAMP] = { 0, 0, 0, 0 };
        if (ours || disk->based) {
            stamp(disk, block * SECTORS + sector, number, words);
        }
        for (i = 0; i < WORDS; i++) {
            wrong |= *p++ ^ words[i % STAMP];
        }
    }
    disk->verified++;
    if (wrong) {
        disk->errors++;
        if (block < disk->first_bad) {
            disk->first_bad = block;
        }
    }
}

/* A disk that was written before this boot: it goes on where the numbers end. */
static void find(struct disk *disk)
{
    u32 words[STAMP];
    u32 number = buffer[2], i, ours = number != 0;
    stamp(disk, disk->at * SECTORS, number, words);
    for (i = 0; i < STAMP; i++) {
        ours &= buffer[i] == words[i];
    }
    ours &= disk->at ? number == disk->written + 1 : (number - 1) % disk->set == 0;
    if (ours) {
        disk->written = number;
        disk->at++;
    }
    if (!ours || disk->at == disk->set) {
        disk->found = 1;
        disk->at = disk->blocks;
    }
}

/* ---- commands -------------------------------------------------------------------- */

static int begin(enum kind kind, struct disk *disk, u32 block, u32 blocks)
{
    u32 sector = block * SECTORS;
    u8 direction = kind == WRITE ? 0 : MASTER_READS;
    now.kind = kind;
    now.disk = disk;
    now.at = block;
    now.blocks = blocks;
    now.since = cycles();
    outb(DRIVE, 0xE0 | (disk == disks ? 0 : 0x10) | ((sector >> 24) & 15));
    if (kind == FLUSH) {
        outb(COMMAND, command[kind]);
        return 1;
    }
    table.address = (u32)buffer;
    table.bytes = (u16)(blocks * BLOCK);        /* 0 is 65536 */
    table.last = 0x8000;
    __asm__ volatile("" : : : "memory");
    outb(master, direction);
    outb(master + MASTER_STATUS, MASTER_ERROR | MASTER_ENDED);
    outl(master + MASTER_TABLE, (u32)&table);
    outb(COUNT, (u8)(blocks * SECTORS));
    outb(SECTOR_LOW, (u8)sector);
    outb(SECTOR_MID, (u8)(sector >> 8));
    outb(SECTOR_HIGH, (u8)(sector >> 16));
    outb(COMMAND, command[kind]);
    outb(master, direction | MASTER_START);
    return 1;
}

static int ended(void)
{
    if (inb(CONTROL) & BUSY) {
        return 0;
    }
    return now.kind == FLUSH || inb(master + MASTER_STATUS) & MASTER_ENDED;
}

static int late(void)
{
    if (cycles() - now.since < (u64)PATIENCE_MS * ms) {
        return 0;
    }
    outb(master, 0);
    outb(CONTROL, RESET);
    outb(CONTROL, 0);
    return 1;
}

static void walked(struct disk *disk)
{
    if (disk->at == now.at) {           /* the walk did not begin anew meanwhile */
        disk->at += now.blocks;
    }
}

static void end(int failed)
{
    struct disk *disk = now.disk;
    enum kind kind = now.kind;
    now.kind = NOTHING;
    if (failed) {
        disk->failed++;
        disk->unsure |= kind == WRITE;
        if (kind == READ) {
            walked(disk);
        }
        return;
    }
    if (kind == WRITE) {
        disk->written++;
        disk->unflushed++;
        disk->unsure = 0;
    } else if (kind == FLUSH) {
        disk->flushed = disk->written;
        disk->unflushed = 0;
    } else if (kind == FIND) {
        find(disk);
    } else {
        now.kind = CHECK;
        now.checked = 0;
    }
}

static int next_step(void)
{
    if (now.kind == CHECK) {
        check(now.disk, now.at + now.checked, buffer + now.checked * (BLOCK / 4));
        if (++now.checked == now.blocks) {
            now.kind = NOTHING;
            walked(now.disk);
        }
        return 1;
    }
    if (ended()) {
        u8 status = inb(COMMAND);       /* it takes the interrupt back, too */
        u8 bus = now.kind == FLUSH ? 0 : inb(master + MASTER_STATUS);
        outb(master, 0);
        end(status & (ERROR | FAULT) || bus & MASTER_ERROR);
        return 1;
    }
    if (late()) {
        end(1);
        return 1;
    }
    return 0;
}

/* ---- work ------------------------------------------------------------------------ */

static void pace(void)
{
    u64 at = cycles();
    u64 most = (u64)BURST_MS * ms;
    u32 i;
    for (i = 0; i < count; i++) {
        disks[i].credit += at - paced_at;
        if (disks[i].credit > most) {
            disks[i].credit = most;
        }
    }
    paced_at = at;
}

/* Writing must not keep a walk from its end: they take turns. */
static int work(struct disk *disk, int writing)
{
    int walking = disk->found && disk->at < disk->blocks && !disk->unsure;
    if (!disk->found) {
        return begin(FIND, disk, disk->at, 1);
    }
    if (!writing) {
        return 0;
    }
    if (disk->unflushed >= FLUSH_BLOCKS) {
        return begin(FLUSH, disk, 0, 0);
    }
    if (cost && disk->set && disk->credit >= cost && !(walking && disk->wrote)) {
        u32 block = disk->written % disk->set;
        disk->credit -= cost;
        disk->wrote = 1;
        fill(disk, block, disk->written + 1);
        return begin(WRITE, disk, block, 1);
    }
    disk->wrote = 0;
    if (walking) {
        u32 left = disk->blocks - disk->at;
        return begin(READ, disk, disk->at, left < READ_BLOCKS ? left : READ_BLOCKS);
    }
    return 0;
}

int disk_step(int writing)
{
    u32 i;
    if (!count) {
        return 0;
    }
    if (now.kind) {
        return next_step();
    }
    pace();
    for (i = 0; i < count; i++) {
        turn = turn + 1 < count ? turn + 1 : 0;
        if (work(&disks[turn], writing)) {
            return 1;
        }
    }
    return 0;
}

int disk_found(void)
{
    u32 i, found = 1;
    for (i = 0; i < count; i++) {
        found &= disks[i].found;
    }
    return found;
}

void disk_walk(void)
{
    u32 i;
    for (i = 0; i < count; i++) {
        disks[i].at = 0;
    }
}

int disk_walking(void)
{
    u32 i, walking = 0;
    for (i = 0; i < count; i++) {
        walking |= disks[i].at < disks[i].blocks;
    }
    return walking;
}

void disk_fields(void)
{
    u32 i;
    for (i = 0; i < count; i++) {
        field(disks[i].written);
        field(disks[i].flushed);
        field(disks[i].blocks);
        field(disks[i].verified);
        field(disks[i].errors);
        field(disks[i].failed);
        field(disks[i].first_bad);
    }
}

/* ---- start ----------------------------------------------------------------------- */

static u32 config(u32 at)
{
    outl(0xCF8, 0x80000000u | at);
    return inl(0xCFC);
}

static void find_master(void)
{
    u32 at;
    for (at = 0; at < 0x10000; at += 0x100) {
        if (config(at + 8) >> 16 == 0x0101) {           /* an IDE controller */
            u32 enabled = config(at + 4) | 5;           /* its ports, and DMA */
            master = config(at + 0x20) & 0xFFFC;
            outl(0xCF8, 0x80000000u | (at + 4));
            outl(0xCFC, enabled);
            return;
        }
    }
}

void disk_start(const struct disk_options *asked)
{
    u32 i;
    for (i = 0; i < DISKS && asked->mib[i]; i++) {
        struct disk *disk = &disks[i];
        disk->blocks = asked->mib[i] * MIB_BLOCKS;
        disk->set = asked->set * MIB_BLOCKS;
        if (disk->set > disk->blocks) {
            disk->set = disk->blocks;
        }
        disk->seed = asked->seed[i];
        disk->based = asked->based >> i & 1;
        disk->first_bad = ~0u;
        disk->found = !disk->set;
        disk->at = disk->found ? disk->blocks : 0;
        count++;
    }
    if (!count) {
        return;
    }
    cost = asked->rate ? divide((u64)ms * 1000, asked->rate * MIB_BLOCKS) : 0;
    find_master();
    outb(CONTROL, 0);                   /* interrupts: they end a hlt */
    outb(0x21, 0xFA);                   /* the timer, and the second controller's */
    outb(0xA1, 0xBF);                   /* the channel's */
    paced_at = cycles();
}
