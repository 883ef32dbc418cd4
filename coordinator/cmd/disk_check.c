#include "coordinator/cmd/disk_check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/temp.h"

enum { BLOCK = 4096 };

static const struct {
    unsigned long magic;
    const char *name;
    bool network;
} types[] = {
    {EXT4_SUPER_MAGIC, "ext4", false},
    {XFS_SUPER_MAGIC, "xfs", false},
    {BTRFS_SUPER_MAGIC, "btrfs", false},
    {TMPFS_MAGIC, "tmpfs (memory: gone with the machine)", false},
    {0x2FC12FC1, "zfs", false},
    {OVERLAYFS_SUPER_MAGIC, "overlay", false},
    {FUSE_SUPER_MAGIC, "fuse", false},
    {V9FS_MAGIC, "9p", true},
    {NFS_SUPER_MAGIC, "nfs", true},
    {SMB2_SUPER_MAGIC, "smb", true},
    {CIFS_SUPER_MAGIC, "cifs", true},
    {CEPH_SUPER_MAGIC, "ceph", true},
    {0x0BD00BD0, "lustre", true},
    {0x47504653, "gpfs", true},
    {0x19830326, "beegfs", true},
};

static void name_type(const char *dir, ggdm_disk *out)
{
    static char unknown[24];
    struct statfs fs;
    out->type = "?";
    if (statfs(dir, &fs) != 0)
        return;
    snprintf(unknown, sizeof unknown, "0x%lx", (unsigned long)fs.f_type);
    out->type = unknown;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].magic == (unsigned long)fs.f_type) {
            out->type = types[i].name;
            out->network = types[i].network;
        }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool time_syncs(int fd, double *median)
{
    char block[BLOCK];
    double seconds[GGDM_DISK_SYNCS];
    memset(block, 1, sizeof block);
    for (int i = 0; i < GGDM_DISK_SYNCS; i++) {
        double begun = ggdm_now();
        if (pwrite(fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK || fsync(fd) != 0)
            return false;
        seconds[i] = ggdm_now() - begun;
    }
    qsort(seconds, GGDM_DISK_SYNCS, sizeof *seconds, by_size);
    *median = seconds[GGDM_DISK_SYNCS / 2];
    return true;
}

static void try_file(int fd, ggdm_disk *out)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    out->locks = fcntl(fd, F_SETLK, &lock) == 0;
    void *page = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    out->maps = page != MAP_FAILED;
    if (out->maps)
        munmap(page, BLOCK);
}

ggdm_status ggdm_disk_look(const char *dir, ggdm_disk *out, ggdm_error *err)
{
    char *path = NULL;
    ggdm_temp temp;
    struct statvfs fs;
    ggdm_status st = GGDM_OK;
    *out = (ggdm_disk){0};
    name_type(dir, out);
    if (statvfs(dir, &fs) == 0)
        out->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    GGDM_TRY(ggdm_path_join(dir, "ggdm-doctor", &path, err));
    GGDM_TRY_GOTO(st, ggdm_temp_open(path, &temp, err), done);
    if (time_syncs(temp.fd, &out->sync_seconds))
        try_file(temp.fd, out);
    else
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot write in it", dir);
    ggdm_temp_abort(&temp);
done:
    free(path);
    return st;
}
