using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Requests no kernel sends, and those whose answers programs rarely see.</summary>
public sealed class ProtocolTests
{
    private static readonly byte[] s_zeros = new byte[64];

    [Theory]
    [InlineData(FuseOpcode.SetAttr, Errno.EROFS)]
    [InlineData(FuseOpcode.Write, Errno.EROFS)]
    [InlineData(FuseOpcode.Create, Errno.EROFS)]
    [InlineData(FuseOpcode.MkDir, Errno.EROFS)]
    [InlineData(FuseOpcode.Rename2, Errno.EROFS)]
    [InlineData(FuseOpcode.Unlink, Errno.EROFS)]
    [InlineData(FuseOpcode.SetXattr, Errno.EROFS)]
    [InlineData(FuseOpcode.FAllocate, Errno.EROFS)]
    [InlineData(FuseOpcode.TmpFile, Errno.EROFS)]
    [InlineData(FuseOpcode.IoCtl, Errno.ENOTTY)]
    [InlineData(FuseOpcode.Poll, Errno.ENOSYS)]
    [InlineData(FuseOpcode.SetLk, Errno.ENOSYS)]
    [InlineData(FuseOpcode.Statx, Errno.ENOSYS)]
    [InlineData((FuseOpcode)4096, Errno.ENOSYS)]
    [InlineData((FuseOpcode)999, Errno.ENOSYS)]
    [InlineData(FuseOpcode.FSync, Errno.None)]
    [InlineData(FuseOpcode.Flush, Errno.None)]
    [InlineData(FuseOpcode.Destroy, Errno.None)]
    public void An_operation_gets_its_fixed_answer(FuseOpcode opcode, Errno expected)
    {
        using FakeKernel kernel = new(new SampleFileSystem());

        Assert.Equal(expected, kernel.Ask(opcode, 1, s_zeros));
    }

    [Theory]
    [InlineData(FuseOpcode.Read)]
    [InlineData(FuseOpcode.Open)]
    [InlineData(FuseOpcode.Release)]
    [InlineData(FuseOpcode.ReadDir)]
    [InlineData(FuseOpcode.LSeek)]
    [InlineData(FuseOpcode.GetXattr)]
    [InlineData(FuseOpcode.Lookup)]
    public void A_short_request_is_refused(FuseOpcode opcode)
    {
        using FakeKernel kernel = new(new SampleFileSystem());

        Assert.Equal(Errno.EINVAL, kernel.Ask(opcode, 1, [1, 2, 3]));
    }

    [Fact]
    public void A_request_whose_length_lies_is_refused()
    {
        using FakeKernel kernel = new(new SampleFileSystem());
        kernel.SendRaw(FakeKernel.Bytes(new InHeader { Length = 4000, Opcode = (uint)FuseOpcode.GetAttr, Unique = 77, Node = 1 }));

        Assert.Equal(-(int)Errno.EINVAL, kernel.Receive().Header.Error);
    }

    [Fact]
    public void Less_than_a_header_is_dropped_and_the_session_goes_on()
    {
        using FakeKernel kernel = new(new SampleFileSystem());
        kernel.SendRaw([1, 2, 3]);

        Assert.Equal(Errno.None, kernel.Ask(FuseOpcode.GetAttr, 1, s_zeros));
    }

    [Fact]
    public void Extensions_at_the_end_of_a_request_are_not_part_of_a_name()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", [1]);
        using FakeKernel kernel = new(files);

        Assert.Equal(Errno.None, kernel.Ask(FuseOpcode.Lookup, 1, "disk\0extended"u8, extensionWords: 1));
        Assert.Equal(Errno.EINVAL, kernel.Ask(FuseOpcode.Lookup, 1, "disk\0"u8, extensionWords: 100));
    }

    [Fact]
    public void A_page_too_small_for_any_entry_is_an_error_and_not_the_end()
    {
        using FakeKernel kernel = new(new SampleFileSystem());

        Assert.Equal(Errno.EINVAL, kernel.Ask(FuseOpcode.ReadDir, 1, FakeKernel.Bytes(new ReadIn { Size = 16 })));
    }

    [Fact]
    public void Opening_for_writing_is_refused_before_the_filesystem_sees_it()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", [1]);
        using FakeKernel kernel = new(files);

        Assert.Equal(Errno.EROFS, kernel.Ask(FuseOpcode.Open, disk.Id, FakeKernel.Bytes(new OpenIn { Flags = Posix.ReadWrite })));
        Assert.Equal(Errno.EROFS, kernel.Ask(FuseOpcode.Open, disk.Id, FakeKernel.Bytes(new OpenIn { Flags = 0x200 })));
        Assert.Equal(0, disk.Opens);
    }

    [Fact]
    public void An_interrupt_for_a_request_not_seen_yet_is_asked_for_again()
    {
        using FakeKernel kernel = new(new SampleFileSystem());

        Assert.Equal(Errno.EAGAIN, kernel.Ask(FuseOpcode.Interrupt, 0, FakeKernel.Bytes(new InterruptIn { Unique = 424242 })));
    }

    [Fact]
    public void Forgets_get_no_reply_even_when_malformed()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", [1]);
        using FakeKernel kernel = new(files, readerThreads: 1);
        kernel.Send(FuseOpcode.Forget, disk.Id, FakeKernel.Bytes(new ForgetIn { Lookups = 3 }));
        kernel.Send(FuseOpcode.BatchForget, 0, [.. FakeKernel.Bytes(new BatchForgetIn { Count = 1 }), .. FakeKernel.Bytes(new ForgetOne { Node = disk.Id, Lookups = 4 })]);
        kernel.Send(FuseOpcode.Forget, disk.Id, []);
        kernel.Send(FuseOpcode.BatchForget, 0, FakeKernel.Bytes(new BatchForgetIn { Count = uint.MaxValue }));

        Assert.Equal(Errno.None, kernel.Ask(FuseOpcode.GetAttr, 1, s_zeros));
        Assert.Equal(-7, disk.Lookups);
    }

    [Fact]
    public void Naming_a_backing_file_without_passthrough_fails_the_open_and_releases_it()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", [1]);
        disk.Backing = new BackingFile(new NoRegistrar(), 5);
        using FakeKernel kernel = new(files);

        Assert.Equal(Errno.EIO, kernel.Ask(FuseOpcode.Open, disk.Id, FakeKernel.Bytes(default(OpenIn))));
        Assert.Equal(0, disk.Opens);
    }

    [Fact]
    public void Every_request_of_a_random_stream_is_answered_once()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", new byte[5000]);
        using FakeKernel kernel = new(files);
        Random random = new(7);
        for (int i = 0; i < 5000; i++)
        {
            FuseOpcode opcode = (FuseOpcode)random.Next(0, 60);
            byte[] body = new byte[random.Next(0, 200)];
            random.NextBytes(body);
            if (random.Next(2) == 0)
            {
                // Small numbers reach further into the code than noise does.
                body.AsSpan().Clear();
                if (body.Length > 16)
                {
                    body[random.Next(16)] = (byte)random.Next(4);
                }
            }

            ulong unique = kernel.Send(opcode, (ulong)random.Next(0, 4), body);
            if (opcode is FuseOpcode.Forget or FuseOpcode.BatchForget
                || (opcode == FuseOpcode.Interrupt && body.Length < 8))
            {
                continue;
            }

            Assert.Equal(unique, kernel.Receive().Header.Unique);
        }
    }

    [Fact]
    public void Notifications_have_the_layout_of_the_header()
    {
        using FakeKernel kernel = new(new SampleFileSystem());
        Assert.Equal(Errno.None, kernel.Session.InvalidateEntry(5, "disk"u8));
        Assert.Equal(Errno.None, kernel.Session.DeleteEntry(5, 6, "disk"u8));
        Assert.Equal(Errno.None, kernel.Session.InvalidateNode(6, -1));
        Assert.Equal(Errno.None, kernel.Session.IncrementEpoch());
        Assert.Equal(Errno.EINVAL, kernel.Session.InvalidateEntry(5, new byte[256]));

        (OutHeader entry, byte[] entryPayload) = kernel.Receive();
        Assert.Equal((0ul, 3), (entry.Unique, entry.Error));
        Assert.Equal(new InvalEntryOut { Parent = 5, NameLength = 4 }, MemoryMarshal.Read<InvalEntryOut>(entryPayload));
        Assert.Equal("disk\0"u8.ToArray(), entryPayload[16..]);
        (OutHeader delete, byte[] deletePayload) = kernel.Receive();
        Assert.Equal((0ul, 6), (delete.Unique, delete.Error));
        Assert.Equal(new DeleteOut { Parent = 5, Child = 6, NameLength = 4 }, MemoryMarshal.Read<DeleteOut>(deletePayload));
        Assert.Equal("disk\0"u8.ToArray(), deletePayload[24..]);
        (OutHeader node, byte[] nodePayload) = kernel.Receive();
        Assert.Equal((0ul, 2), (node.Unique, node.Error));
        Assert.Equal(new InvalInodeOut { Node = 6, Offset = -1 }, MemoryMarshal.Read<InvalInodeOut>(nodePayload));
        Assert.Equal((0ul, 8), (kernel.Receive().Header.Unique, 8));
    }

    [Fact]
    public void A_notification_from_inside_a_request_is_refused_instead_of_waiting_for_itself()
    {
        SampleFileSystem files = new();
        Exception? seen = null;
        files.OnLookup = () => seen = Record.Exception(() => files.Session!.InvalidateEntry(1, "disk"u8));
        using FakeKernel kernel = new(files);

        Assert.Equal(Errno.ENOENT, kernel.Ask(FuseOpcode.Lookup, 1, "disk\0"u8));
        Assert.IsType<InvalidOperationException>(seen);
    }

    private sealed class NoRegistrar : IBackingRegistrar
    {
        public Errno Open(Microsoft.Win32.SafeHandles.SafeFileHandle file, ulong node, out int backingId)
        {
            backingId = 0;
            return Errno.EPERM;
        }

        public void Close(int backingId)
        {
        }
    }
}
