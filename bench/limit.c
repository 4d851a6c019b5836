/*
 * The limit our page-table code is held against: the same work on the same 8-byte entries, written as
 * plainly as C allows. Reads commands from standard input, one a line; answers each with the CPU time of
 * the timed part in nanoseconds and a check sum.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ADDRESS 0x000ffffffffff000ull
#define TABLE 3ull
#define LARGE 0x80ull

static uint64_t *memory;
static uint64_t frames_total, frames_next;
static uint64_t *free_frames, free_count;
static uint64_t root;

static uint64_t *addresses;
static uint64_t address_count;

static uint64_t cpu_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static uint64_t *table_at(uint64_t entry)
{
	return memory + ((entry & ADDRESS) >> 3);
}

static uint64_t new_table(void)
{
	uint64_t frame = free_count ? free_frames[--free_count] : frames_next++;

	if (frame >= frames_total) {
		fprintf(stderr, "out of frames\n");
		exit(1);
	}
	/* Stores, not memset: for single pages the latter costs more than it clears. */
	for (uint64_t *word = memory + frame * 512, *end = word + 512; word < end; word++)
		*word = 0;
	return frame << 12;
}

/* The table of a level holding the entry of a page; made where absent. Leaves are level 1. */
static uint64_t *table_for(uint64_t pfn, int target)
{
	uint64_t *table = table_at(root);

	for (int level = 4; level > target; level--) {
		uint64_t *entry = &table[(pfn >> (9 * (level - 1))) & 511];

		if (!(*entry & 3))
			*entry = new_table() | TABLE;
		table = table_at(*entry);
	}
	return table;
}

static uint64_t conflicts;

__attribute__((noinline)) static void map_page(uint64_t pfn, uint64_t physical, uint64_t flags)
{
	uint64_t *entry = &table_for(pfn, 1)[pfn & 511];

	if (*entry)
		conflicts++;
	else
		*entry = physical << 12 | flags;
}

__attribute__((noinline)) static void unmap_page(uint64_t pfn)
{
	uint64_t *table = table_at(root);

	for (int level = 4; level > 1; level--) {
		uint64_t entry = table[(pfn >> (9 * (level - 1))) & 511];

		if (!(entry & 3))
			return;
		table = table_at(entry);
	}
	table[pfn & 511] = 0;
}

static inline void fill(uint64_t *entry, uint64_t *end, uint64_t value, uint64_t step)
{
	uint64_t found = 0;

	for (; entry < end; entry++, value += step) {
		if (*entry)
			found++;
		else
			*entry = value;
	}
	conflicts += found;
}

__attribute__((noinline)) static void map_range(uint64_t pfn, uint64_t physical, uint64_t pages, uint64_t flags, int level)
{
	int shift = 9 * (level - 1);

	if (level > 1)
		flags |= LARGE;
	while (pages) {
		uint64_t *table = table_for(pfn, level);
		uint64_t index = (pfn >> shift) & 511;
		uint64_t count = pages >> shift < 512 - index ? pages >> shift : 512 - index;

		fill(table + index, table + index + count, physical << 12 | flags, 4096ull << shift);
		pfn += count << shift;
		physical += count << shift;
		pages -= count << shift;
	}
}

static void free_below(uint64_t entry, int level)
{
	uint64_t *table = table_at(entry);

	free_frames[free_count++] = (entry & ADDRESS) >> 12;
	if (level == 1)
		return;
	for (int i = 0; i < 512; i++)
		if ((table[i] & 3) && !(table[i] & LARGE))
			free_below(table[i], level - 1);
}

static void unmap_all(void)
{
	uint64_t *table = table_at(root);

	for (int i = 0; i < 512; i++) {
		if (table[i] & 3)
			free_below(table[i], 3);
		table[i] = 0;
	}
}

/* Physical address and, in the low bits, 0; or 1 when a table or leaf is absent or forbids reading. */
static inline uint64_t walk(uint64_t top, uint64_t iova)
{
	uint64_t entry = table_at(top)[(iova >> 39) & 511];

	if (!(entry & 1))
		return 1;
	entry = table_at(entry)[(iova >> 30) & 511];
	if (!(entry & 1))
		return 1;
	if (entry & LARGE)
		return (entry & 0x000fffffc0000000ull) | (iova & 0x3ffff000);
	entry = table_at(entry)[(iova >> 21) & 511];
	if (!(entry & 1))
		return 1;
	if (entry & LARGE)
		return (entry & 0x000fffffffe00000ull) | (iova & 0x1ff000);
	entry = table_at(entry)[(iova >> 12) & 511];
	if (!(entry & 1))
		return 1;
	return entry & ADDRESS;
}

__attribute__((noinline)) static uint64_t walk_one(uint64_t top, uint64_t iova)
{
	return walk(top, iova);
}

/* Root entry, context entry, PASID directory and PASID entry before the walk. */
__attribute__((noinline)) static uint64_t walk_full(uint64_t root_table, uint64_t source, uint64_t pasid, uint64_t iova)
{
	uint64_t *entry = table_at(root_table) + (source >> 8) * 2 + ((source >> 7) & 1);

	if (!(*entry & 1))
		return 1;
	entry = table_at(*entry) + (source & 127) * 4;
	if (!(*entry & 1))
		return 1;
	entry = table_at(*entry) + (pasid >> 6);
	if (!(*entry & 1))
		return 1;
	entry = table_at(*entry) + (pasid & 63) * 8;
	if (!(*entry & 1))
		return 1;
	return walk(*entry, iova);
}

static void *read_file(const char *path, uint64_t *bytes)
{
	FILE *file = fopen(path, "rb");
	void *content;

	if (!file) {
		perror(path);
		exit(1);
	}
	fseek(file, 0, SEEK_END);
	*bytes = (uint64_t)ftell(file);
	rewind(file);
	content = aligned_alloc(4096, (*bytes + 4095) & ~4095ull);
	if (fread(content, 1, *bytes, file) != *bytes)
		exit(1);
	fclose(file);
	return content;
}

static void answer(uint64_t nanoseconds, uint64_t sum)
{
	printf("%" PRIu64 " %" PRIu64 "\n", nanoseconds, sum & 0xffffffff);
	fflush(stdout);
}

/* What `pages` pages from `first` are mapped to, added up. */
static uint64_t sum_of(uint64_t first, uint64_t pages)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < pages; i++) {
		uint64_t found = walk(root, (first + i) << 12);

		if (!(found & 1))
			sum += found >> 12;
	}
	return sum + conflicts;
}

int main(void)
{
	char line[4096], path[4000];
	uint64_t a, b, c, d;

	while (fgets(line, sizeof(line), stdin)) {
		uint64_t sum = 0, start;

		if (sscanf(line, "frames %" SCNu64, &a) == 1) {
			free(memory);
			free(free_frames);
			frames_total = a;
			frames_next = free_count = conflicts = 0;
			memory = aligned_alloc(4096, a * 4096);
			free_frames = malloc(a * sizeof(*free_frames));
			root = new_table();
			answer(0, 0);
		} else if (sscanf(line, "image %" SCNu64 " %3999s", &a, path) == 2) {
			free(memory);
			memory = read_file(path, &b);
			root = a;
			answer(0, b);
		} else if (sscanf(line, "addresses %3999s", path) == 1) {
			free(addresses);
			addresses = read_file(path, &b);
			address_count = b / 8;
			answer(0, address_count);
		} else if (sscanf(line, "map-pages %" SCNu64 " %" SCNu64 " %" SCNu64, &a, &b, &c) == 3) {
			unmap_all();
			start = cpu_time();
			for (uint64_t i = 0; i < c; i++)
				map_page(a + i, b + i, 3);
			answer(cpu_time() - start, sum_of(a, c));
		} else if (sscanf(line, "unmap-pages %" SCNu64 " %" SCNu64 " %" SCNu64, &a, &b, &c) == 3) {
			unmap_all();
			map_range(a, b, c, 3, 1);
			start = cpu_time();
			for (uint64_t i = 0; i < c; i++)
				unmap_page(a + i);
			answer(cpu_time() - start, sum_of(a, c));
		} else if (sscanf(line, "map-range %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &a, &b, &c, &d) == 4) {
			unmap_all();
			start = cpu_time();
			map_range(a, b, c, 3, (int)d);
			answer(cpu_time() - start, sum_of(a, c));
		} else if (sscanf(line, "cycle-range %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &a, &b, &c, &d) == 4) {
			unmap_all();
			start = cpu_time();
			for (int i = 0; i < 1000; i++) {
				unmap_all();
				map_range(a, b, c, 3, (int)d);
			}
			answer(cpu_time() - start, sum_of(a, c));
		} else if (!strncmp(line, "walk-full", 9) && sscanf(line + 9, "%" SCNu64 " %" SCNu64, &a, &b) == 2) {
			start = cpu_time();
			for (uint64_t i = 0; i < address_count; i++)
				sum += walk_full(root, a, b, addresses[i]) >> 12;
			answer(cpu_time() - start, sum);
		} else if (!strncmp(line, "walk", 4)) {
			start = cpu_time();
			for (uint64_t i = 0; i < address_count; i++)
				sum += walk_one(root, addresses[i]) >> 12;
			answer(cpu_time() - start, sum);
		} else {
			fprintf(stderr, "unknown command: %s", line);
			return 1;
		}
	}
	return 0;
}
