/* What the parts of the guest program share. */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum {
    BURST_MS = 20,              /* most work that is made up for after a pause */
    DISKS = 2,
};

extern u32 ms;                  /* time-stamp counter cycles in a millisecond */

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u64 cycles(void)
{
    u64 value;
    __asm__ volatile("rdtsc" : "=A"(value));
    return value;
}

/* There is no libgcc here to divide 64 by 32; too large a quotient is the largest. */
static inline u32 divide(u64 value, u32 by)
{
    u32 quotient, rest;
    if ((u32)(value >> 32) >= by) {
        return ~0u;
    }
    __asm__("divl %4" : "=a"(quotient), "=d"(rest)
            : "a"((u32)value), "d"((u32)(value >> 32)), "rm"(by));
    return quotient;
}

/* What a word of a page must hold, and what makes a stamp on a disk one of ours. */
static inline u32 word(u32 page, u32 gen, u32 at)
{
    u32 x = page * 0x9E3779B1u + gen * 0x85EBCA6Bu + at * 0xC2B2AE35u + 0x27D4EB2Fu;
    x ^= x >> 15;
    x *= 0x2C1B3C6Du;
    x ^= x >> 13;
    return x;
}

/* Adds a number to the record that is being written. */
void field(u64 value);

/* ---- disk.c ------------------------------------------------------------------ */

struct disk_options {
    u32 mib[DISKS];             /* sizes; 0: there is none */
    u32 seed[DISKS];            /* what tells this disk from any other */
    u32 set;                    /* MiB that are written again and again, of each */
    u32 rate;                   /* MiB/s, of each */
    u32 based;                  /* bits: what was never written is stamped, not zero */
};

void disk_start(const struct disk_options *asked);
int disk_step(int writing);     /* whether it did anything */
int disk_found(void);           /* whether it is known where each disk goes on */
void disk_walk(void);           /* verify all blocks, from the first */
int disk_walking(void);
void disk_fields(void);
