namespace GlanceGateway.MountChecks;

/// <summary>The table of checks, in the order in which they run. What each promises is part of <c>docs/mount-semantics.md</c>.</summary>
public static class Table
{
    /// <summary>All checks.</summary>
    public static IReadOnlyList<MountCheck> Checks { get; } =
    [
        new("open-flags", "an image opens in every manner of reading, and in no manner of writing", OpeningChecks.Flags),
        new("open-many", "ten thousand opens and closes by four threads leave nothing behind", OpeningChecks.Many),
        new("changes-refused", "nothing makes, removes, renames or alters an entry", OpeningChecks.ChangesRefused),
        new("absent-names", "a name that is not there is ENOENT, one that is too long ENAMETOOLONG", OpeningChecks.AbsentNames),
        new("read-at-end", "a read across the end is short, one at or behind it is empty", ReadingChecks.AtEnd),
        new("seek-past-end", "seeking behind the end is allowed and reads nothing", ReadingChecks.SeekPastEnd),
        new("seek-data-and-holes", "data and holes cover the file in turn, holes read as zeros, and behind the end is ENXIO", ReadingChecks.DataAndHoles),
        new("random-reads", "eight threads that read anywhere see the bytes that one reader sees", ReadingChecks.Random),
        new("direct-reads", "O_DIRECT reads the same bytes, as QEMU does with cache=none", ReadingChecks.Direct),
        new("vectored-reads", "preadv fills its buffers in order", ReadingChecks.Vectored),
        new("mapped-reads", "mmap shows the same bytes, shared for reading and private for writing", ReadingChecks.Mapped),
        new("sendfile", "sendfile gives the same bytes", ReadingChecks.SendFile),
        new("read-ahead-advice", "advice about reading ahead is taken or ignored, never an error", ReadingChecks.Advice),
        new("interrupted-readers", "readers that are killed in the middle leave a mount that goes on", SharingChecks.Interrupted),
        new("signalled-readers", "a signal that has a handler interrupts no open and no read", SharingChecks.Signalled),
        new("attributes", "size, inode, type and links are what they were, however they are asked", AttributeChecks.Stable),
        new("extended-attributes", "their sizes can be asked, small buffers are ERANGE, absent ones ENODATA", AttributeChecks.Extended),
        new("filesystem-statistics", "statvfs tells a read-only filesystem with long names", AttributeChecks.FileSystem),
        new("device-questions", "poll says readable, and ioctls for block devices are ENOTTY", AttributeChecks.DeviceQuestions),
        new("locks", "locks as QEMU takes them: shared ones by several, none for writing", SharingChecks.Locks),
        new("foreign-user", "another user reads what the permission bits allow, and no more", SharingChecks.ForeignUser),
        new("list-from-every-offset", "a listing goes on from every entry at which it was left", DirectoryChecks.EveryOffset),
        new("list-and-look-up", "every listed name can be looked up, by eight threads while the kernel forgets them", DirectoryChecks.LookUpAndForget),
        new("deleted-in-use", "an open image that is deleted reads on, or fails with EIO, and never shows other bytes", SharingChecks.DeletedInUse),
    ];
}
