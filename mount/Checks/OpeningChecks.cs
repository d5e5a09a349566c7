namespace GlanceGateway.MountChecks;

/// <summary>Opening, and what must not be possible.</summary>
internal static class OpeningChecks
{
    public static void Flags(MountSubject subject)
    {
        foreach (var flags in new[] { Posix.ReadOnly, Posix.NonBlocking, Posix.Direct, Posix.NoFollow, Posix.Append, Posix.PathOnly, Posix.NoAccessTime })
        {
            // O_NOATIME belongs to the owner of a file and to root.
            if (flags == Posix.NoAccessTime && Posix.EffectiveUser() != 0)
                continue;
            using var file = Descriptor.Open(subject.File, flags);
        }

        Refuse(Posix.WriteOnly, Posix.EROFS, Posix.EACCES);
        Refuse(Posix.ReadWrite, Posix.EROFS, Posix.EACCES);
        Refuse(Posix.WriteOnly | Posix.Append, Posix.EROFS, Posix.EACCES);
        Refuse(Posix.ReadWrite | Posix.Truncate, Posix.EROFS, Posix.EACCES);
        Refuse(Posix.ReadOnly | Posix.Truncate, Posix.EROFS, Posix.EACCES);
        Refuse(Posix.ReadWrite | Posix.Create, Posix.EROFS, Posix.EACCES);
        Refuse(Posix.WriteOnly | Posix.Create | Posix.Exclusive, Posix.EEXIST, Posix.EROFS, Posix.EACCES);
        Refuse(Posix.DirectoryOnly, Posix.ENOTDIR);
        Check.Refused("making a file", Posix.Open(Beside(subject, "new"), Posix.WriteOnly | Posix.Create, 0x1a4), Posix.EROFS, Posix.EACCES);
        foreach (var directory in subject.Directories)
        {
            using var listed = Descriptor.Open(directory, Posix.DirectoryOnly);
            Check.Refused("writing into a directory", Posix.Open(directory, Posix.ReadWrite), Posix.EISDIR, Posix.EROFS);
        }

        void Refuse(int flags, params int[] errors) => Check.Refused($"opening with flags 0x{flags:x}", Posix.Open(subject.File, flags, 0x1a4), errors);
    }

    public static void Many(MountSubject subject)
    {
        var inode = FileStatus.Of(subject.File).Inode;
        Check.InParallel(4, subject.Patience * 5, _ =>
        {
            for (var i = 0; i < 2500; i++)
            {
                using var file = Descriptor.Open(subject.File);
                if (i % 500 == 0)
                    Check.That(file.ReadAll(0, 1).Length == 1, "an open file does not read");
            }
        });
        Check.That(FileStatus.Of(subject.File).Inode == inode, "the inode is another after many opens");
    }

    public static unsafe void ChangesRefused(MountSubject subject)
    {
        var made = Beside(subject, "made");
        Refuse("mkdir", Posix.MakeDirectory(made, 0x1ed));
        Refuse("unlink", Posix.Unlink(subject.File));
        Refuse("rename", Posix.Rename(subject.File, made));
        Refuse("link", Posix.Link(subject.File, made));
        Refuse("symlink", Posix.LinkSymbolically("nowhere", made));
        Refuse("chmod", Posix.ChangeMode(subject.File, 0x1b6));
        Refuse("truncate", Posix.Truncated(subject.File, 0));
        var value = (byte)'x';
        Refuse("setxattr", Posix.SetAttribute(subject.File, "user.check", &value, 1, 0));
        Check.That(FileStatus.Of(subject.File).Size > 0, "the image is empty afterwards");

        static void Refuse(string what, int result) => Check.Refused(what, result, Posix.EROFS, Posix.EACCES, Posix.EPERM);
    }

    public static void AbsentNames(MountSubject subject)
    {
        Check.Refused("an absent name", Posix.Open(Beside(subject, "absent"), Posix.ReadOnly), Posix.ENOENT);
        Check.Refused("a name of 256 bytes", Posix.Open(Beside(subject, new string('n', 256)), Posix.ReadOnly), Posix.ENAMETOOLONG);
        Check.Refused("a name below a file", Posix.Open(Path.Join(subject.File, "below"), Posix.ReadOnly), Posix.ENOTDIR);
        var strange = Beside(subject, "\n\u0001%2e%2e\\\"\u00e9");
        Check.Refused("a strange name", Posix.Open(strange, Posix.ReadOnly), Posix.ENOENT);

        // What is not there may be remembered, but not for ever, and asking again must not differ.
        Check.Refused("an absent name asked again", Posix.Open(Beside(subject, "absent"), Posix.ReadOnly), Posix.ENOENT);
    }

    private static string Beside(MountSubject subject, string name) => Path.Join(Path.GetDirectoryName(subject.File), name);
}
