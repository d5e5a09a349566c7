using System.Text;

namespace GlanceGateway.MountChecks;

/// <summary>What is told about an image and the filesystem.</summary>
internal static class AttributeChecks
{
    public static void Stable(MountSubject subject)
    {
        var first = FileStatus.Of(subject.File);
        var again = FileStatus.Of(subject.File, FileStatus.NoFollow | FileStatus.ForceSync);
        Check.That((first.Mode & FileStatus.TypeMask) == FileStatus.RegularFile, "it is no regular file");
        Check.That((first.Mode & 0x1ff & 0x92) == 0, $"the mode allows writing: {Convert.ToString(first.Mode & 0xfff, 8)}");
        Check.That(first.Links == 1, $"it has {first.Links} links");
        Check.That((first.Inode, first.Size, first.ModifiedSeconds) == (again.Inode, again.Size, again.ModifiedSeconds), "stat differs from stat of a moment before");
        Check.That((long)first.Blocks * 512 <= first.Size + (1L << 20), $"{first.Blocks} blocks of 512 bytes are more than {first.Size} bytes take");
        using var one = Descriptor.Open(subject.File);
        using var other = Descriptor.Open(subject.File);
        var opened = FileStatus.Of($"/proc/self/fd/{one.Number}", 0);
        Check.That(opened.Inode == first.Inode && FileStatus.Of($"/proc/self/fd/{other.Number}", 0).Inode == first.Inode, "two opens are of two files");
        Check.That(opened.Size == first.Size, "the open file has another size");
    }

    public static unsafe void Extended(MountSubject subject)
    {
        var length = Check.Done("the size of the list of attributes", Posix.ListAttributes(subject.File, null, 0));
        if (length == 0)
            throw new MountCheckSkippedException("the image has no extended attributes");
        var buffer = new byte[length];
        fixed (byte* start = buffer)
        {
            Check.That(Posix.ListAttributes(subject.File, start, (nuint)length) == length, "the list is longer or shorter than its size");
            Check.Refused("a list into a buffer that is too small", Posix.ListAttributes(subject.File, start, (nuint)length - 1), Posix.ERANGE);
        }

        foreach (var name in Encoding.UTF8.GetString(buffer).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            var size = (int)Check.Done($"the size of {name}", Posix.GetAttribute(subject.File, name, null, 0));
            var value = new byte[size + 1];
            fixed (byte* start = value)
            {
                Check.That(Posix.GetAttribute(subject.File, name, start, (nuint)size + 1) == size, $"{name} is longer or shorter than its size");
                if (size > 1)
                    Check.Refused($"{name} into a buffer that is too small", Posix.GetAttribute(subject.File, name, start, (nuint)size - 1), Posix.ERANGE);
            }
        }

        Check.Refused("an absent attribute", Posix.GetAttribute(subject.File, "user.absent", null, 0), Posix.ENODATA, Posix.EOPNOTSUPP);
        // What ls and cp ask for with every file.
        Check.Refused("an access control list", Posix.GetAttribute(subject.File, "system.posix_acl_access", null, 0), Posix.ENODATA, Posix.EOPNOTSUPP);
        Check.Refused("capabilities", Posix.GetAttribute(subject.File, "security.capability", null, 0), Posix.ENODATA, Posix.EOPNOTSUPP);
    }

    public static unsafe void FileSystem(MountSubject subject)
    {
        using var file = Descriptor.Open(subject.File);
        FileSystemStatus status;
        Check.Done("statvfs", Posix.StatFileSystem(file.Number, &status));
        Check.That((status.Flags & FileSystemStatus.ReadOnly) != 0, "the filesystem is not read-only");
        Check.That(status.LongestName == 255, $"names have at most {status.LongestName} bytes");
        Check.That(status.BlockSize is >= 512 and <= 64 << 20, $"the block size is {status.BlockSize}");
        Check.That(status.Blocks > 0, "the filesystem has no blocks");
    }

    public static unsafe void DeviceQuestions(MountSubject subject)
    {
        using var file = Descriptor.Open(subject.File);
        long answer;
        Check.Refused("BLKGETSIZE64", Posix.DeviceControl(file.Number, Posix.BlockDeviceSize, &answer), Posix.ENOTTY);
        Check.Refused("BLKSSZGET", Posix.DeviceControl(file.Number, Posix.SectorSize, &answer), Posix.ENOTTY);
        var question = new PollQuestion { Descriptor = file.Number, Events = PollQuestion.Readable };
        Check.That(Check.Done("poll", Posix.Poll(&question, 1, 1000)) == 1 && (question.Answer & PollQuestion.Readable) != 0, "poll does not say that it is readable");
    }
}
