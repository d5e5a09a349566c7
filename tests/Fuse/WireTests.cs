using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse.Tests;

/// <summary>The structures against the sizes and offsets of the 7.45 header as a C compiler lays them out.</summary>
public sealed class WireTests
{
    public static TheoryData<string, int, int> Sizes => new()
    {
        { nameof(InHeader), Unsafe.SizeOf<InHeader>(), 40 },
        { nameof(OutHeader), Unsafe.SizeOf<OutHeader>(), 16 },
        { nameof(InitIn), Unsafe.SizeOf<InitIn>(), 64 },
        { nameof(InitOut), Unsafe.SizeOf<InitOut>(), 64 },
        { nameof(Attr), Unsafe.SizeOf<Attr>(), 88 },
        { nameof(EntryOut), Unsafe.SizeOf<EntryOut>(), 128 },
        { nameof(AttrOut), Unsafe.SizeOf<AttrOut>(), 104 },
        { nameof(GetAttrIn), Unsafe.SizeOf<GetAttrIn>(), 16 },
        { nameof(OpenIn), Unsafe.SizeOf<OpenIn>(), 8 },
        { nameof(OpenOut), Unsafe.SizeOf<OpenOut>(), 16 },
        { nameof(ReadIn), Unsafe.SizeOf<ReadIn>(), 40 },
        { nameof(ReleaseIn), Unsafe.SizeOf<ReleaseIn>(), 24 },
        { nameof(ForgetIn), Unsafe.SizeOf<ForgetIn>(), 8 },
        { nameof(ForgetOne), Unsafe.SizeOf<ForgetOne>(), 16 },
        { nameof(BatchForgetIn), Unsafe.SizeOf<BatchForgetIn>(), 8 },
        { nameof(XattrIn), Unsafe.SizeOf<XattrIn>(), 8 },
        { nameof(XattrOut), Unsafe.SizeOf<XattrOut>(), 8 },
        { nameof(StatFsOut), Unsafe.SizeOf<StatFsOut>(), 80 },
        { nameof(InterruptIn), Unsafe.SizeOf<InterruptIn>(), 8 },
        { nameof(SeekIn), Unsafe.SizeOf<SeekIn>(), 24 },
        { nameof(SeekOut), Unsafe.SizeOf<SeekOut>(), 8 },
        { nameof(DirEntry), Unsafe.SizeOf<DirEntry>(), 24 },
        { nameof(DirEntryPlus), Unsafe.SizeOf<DirEntryPlus>(), 152 },
        { nameof(InvalInodeOut), Unsafe.SizeOf<InvalInodeOut>(), 24 },
        { nameof(InvalEntryOut), Unsafe.SizeOf<InvalEntryOut>(), 16 },
        { nameof(DeleteOut), Unsafe.SizeOf<DeleteOut>(), 24 },
        { nameof(BackingMap), Unsafe.SizeOf<BackingMap>(), 16 },
        { nameof(IoVector), Unsafe.SizeOf<IoVector>(), 16 },
        { nameof(MessageHeader), Unsafe.SizeOf<MessageHeader>(), 56 },
        { nameof(DescriptorMessage), Unsafe.SizeOf<DescriptorMessage>(), 24 },
    };

    public static TheoryData<string, int, int> Offsets => new()
    {
        { "in opcode", At<InHeader>(nameof(InHeader.Opcode)), 4 },
        { "in unique", At<InHeader>(nameof(InHeader.Unique)), 8 },
        { "in node", At<InHeader>(nameof(InHeader.Node)), 16 },
        { "in uid", At<InHeader>(nameof(InHeader.Uid)), 24 },
        { "in gid", At<InHeader>(nameof(InHeader.Gid)), 28 },
        { "in pid", At<InHeader>(nameof(InHeader.Pid)), 32 },
        { "in extensions", At<InHeader>(nameof(InHeader.ExtensionWords)), 36 },
        { "out error", At<OutHeader>(nameof(OutHeader.Error)), 4 },
        { "out unique", At<OutHeader>(nameof(OutHeader.Unique)), 8 },
        { "init flags", At<InitIn>(nameof(InitIn.Flags)), 12 },
        { "init flags2", At<InitIn>(nameof(InitIn.Flags2)), 16 },
        { "init out background", At<InitOut>(nameof(InitOut.MaxBackground)), 16 },
        { "init out congestion", At<InitOut>(nameof(InitOut.CongestionThreshold)), 18 },
        { "init out max_write", At<InitOut>(nameof(InitOut.MaxWrite)), 20 },
        { "init out time_gran", At<InitOut>(nameof(InitOut.TimeGranularity)), 24 },
        { "init out max_pages", At<InitOut>(nameof(InitOut.MaxPages)), 28 },
        { "init out map_alignment", At<InitOut>(nameof(InitOut.MapAlignment)), 30 },
        { "init out flags2", At<InitOut>(nameof(InitOut.Flags2)), 32 },
        { "init out stack depth", At<InitOut>(nameof(InitOut.MaxStackDepth)), 36 },
        { "init out timeout", At<InitOut>(nameof(InitOut.RequestTimeout)), 40 },
        { "attr size", At<Attr>(nameof(Attr.Size)), 8 },
        { "attr blocks", At<Attr>(nameof(Attr.Blocks)), 16 },
        { "attr mtime", At<Attr>(nameof(Attr.ModifiedSeconds)), 32 },
        { "attr atimensec", At<Attr>(nameof(Attr.AccessedNanoseconds)), 48 },
        { "attr mode", At<Attr>(nameof(Attr.Mode)), 60 },
        { "attr nlink", At<Attr>(nameof(Attr.Links)), 64 },
        { "attr blksize", At<Attr>(nameof(Attr.BlockSize)), 80 },
        { "attr flags", At<Attr>(nameof(Attr.Flags)), 84 },
        { "entry generation", At<EntryOut>(nameof(EntryOut.Generation)), 8 },
        { "entry valid", At<EntryOut>(nameof(EntryOut.EntryValid)), 16 },
        { "entry attr valid", At<EntryOut>(nameof(EntryOut.AttrValid)), 24 },
        { "entry valid nsec", At<EntryOut>(nameof(EntryOut.EntryValidNanoseconds)), 32 },
        { "entry attr", At<EntryOut>(nameof(EntryOut.Attr)), 40 },
        { "attr out attr", At<AttrOut>(nameof(AttrOut.Attr)), 16 },
        { "open flags", At<OpenOut>(nameof(OpenOut.OpenFlags)), 8 },
        { "open backing", At<OpenOut>(nameof(OpenOut.BackingId)), 12 },
        { "read offset", At<ReadIn>(nameof(ReadIn.Offset)), 8 },
        { "read size", At<ReadIn>(nameof(ReadIn.Size)), 16 },
        { "seek whence", At<SeekIn>(nameof(SeekIn.Whence)), 16 },
        { "dirent off", At<DirEntry>(nameof(DirEntry.NextCookie)), 8 },
        { "dirent namelen", At<DirEntry>(nameof(DirEntry.NameLength)), 16 },
        { "dirent type", At<DirEntry>(nameof(DirEntry.Kind)), 20 },
        { "direntplus head", At<DirEntryPlus>(nameof(DirEntryPlus.Head)), 128 },
        { "statfs bsize", At<StatFsOut>(nameof(StatFsOut.BlockSize)), 40 },
        { "statfs frsize", At<StatFsOut>(nameof(StatFsOut.FragmentSize)), 48 },
        { "delete namelen", At<DeleteOut>(nameof(DeleteOut.NameLength)), 16 },
        { "inval namelen", At<InvalEntryOut>(nameof(InvalEntryOut.NameLength)), 8 },
        { "cmsg descriptor", At<DescriptorMessage>(nameof(DescriptorMessage.Descriptor)), 16 },
        { "msghdr control", At<MessageHeader>(nameof(MessageHeader.Control)), 32 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_structure_has_the_size_of_the_header(string name, int actual, int expected) =>
        Assert.True(expected == actual, $"{name}: {actual} instead of {expected}");

    [Theory]
    [MemberData(nameof(Offsets))]
    public void A_field_lies_where_the_header_puts_it(string name, int actual, int expected) =>
        Assert.True(expected == actual, $"{name}: {actual} instead of {expected}");

    [Theory]
    [InlineData(-1, 0, 0)]
    [InlineData(0, 0, 0)]
    [InlineData(1_500, 1, 500_000_000)]
    [InlineData(3_600_000, 3600, 0)]
    public void A_validity_splits_into_seconds_and_nanoseconds(int milliseconds, ulong seconds, uint nanoseconds) =>
        Assert.Equal((seconds, nanoseconds), Wire.Split(TimeSpan.FromMilliseconds(milliseconds)));

    private static int At<T>(string field) => (int)Marshal.OffsetOf<T>(field);
}
