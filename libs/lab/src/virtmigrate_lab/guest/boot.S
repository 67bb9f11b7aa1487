/* Multiboot entry, segments, interrupts. Everything else is in guest.c. */

        .set MAGIC, 0x1BADB002
        .set FLAGS, 3                   /* page-aligned modules, memory map */

        .section .multiboot, "a"
        .align 4
        .long MAGIC, FLAGS, -(MAGIC + FLAGS)

        .text
        .globl _start
_start:
        cli
        lgdt    gdt_pointer
        ljmp    $8, $1f
1:      movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $stack_top, %esp
        pushl   %ebx                    /* multiboot information */
        call    guest_main
2:      cli
        hlt
        jmp     2b

        .globl on_tick                  /* IRQ 0: it only has to end a hlt */
on_tick:
        pushl   %eax
        movb    $0x20, %al
        outb    %al, $0x20
        popl    %eax
        iret

        .globl on_disk                  /* IRQ 14, of the second controller: likewise */
on_disk:
        pushl   %eax
        movb    $0x20, %al
        outb    %al, $0xA0
        outb    %al, $0x20
        popl    %eax
        iret

        .globl on_fault
on_fault:
        call    guest_fault
3:      cli
        hlt
        jmp     3b

        .section .rodata
        .align 8
gdt:    .quad 0
        .quad 0x00CF9A000000FFFF        /* code, flat, 32 bits */
        .quad 0x00CF92000000FFFF        /* data, flat */
gdt_pointer:
        .word . - gdt - 1
        .long gdt

        .bss
        .align 16
        .skip 8192
stack_top:

        .section .note.GNU-stack, "", @progbits
