using System.Diagnostics.CodeAnalysis;

namespace GlanceGateway.MountChecks;

/// <summary>The bytes, by every way in which programs read them.</summary>
internal static class ReadingChecks
{
    private const int Page = 4096;

    public static void AtEnd(MountSubject subject)
    {
        using var file = Descriptor.Open(subject.File);
        var size = file.Length;
        var buffer = new byte[2 * Page];
        foreach (var left in new long[] { 1, 10, 511, Page, Page + 1 }.Where(left => left <= size))
            Check.That(file.ReadAll(size - left, buffer.Length).Length == left, $"a read {left} bytes before the end gives another number of bytes");
        Check.That(file.Read(size, buffer) == 0, "a read at the end is not empty");
        Check.That(file.Read(size + 1, buffer) == 0, "a read behind the end is not empty");
        Check.That(file.Read(size + (1L << 40), buffer) == 0, "a read far behind the end is not empty");
        Check.That(file.Read(0, []) == 0, "a read of nothing is not empty");
        Check.That(file.Read(-1, buffer) == -Posix.EINVAL, "a negative offset is not EINVAL");
    }

    public static unsafe void SeekPastEnd(MountSubject subject)
    {
        using var file = Descriptor.Open(subject.File);
        var size = file.Length;
        Check.That(FileStatus.Of(subject.File).Size == size, "the end is not where stat says");
        Check.That(Posix.Seek(file.Number, size + 1000, Posix.SeekSet) == size + 1000, "seeking behind the end does not do");
        byte one;
        Check.That(Posix.Read(file.Number, &one, 1) == 0, "reading there is not empty");
        Check.That(Posix.Seek(file.Number, -1, Posix.SeekEnd) == size - 1, "seeking from the end does not do");
        Check.That(Posix.Read(file.Number, &one, 1) == 1, "the last byte does not come");
        Check.Refused("seeking before the beginning", Posix.Seek(file.Number, -1, Posix.SeekSet), Posix.EINVAL);
    }

    public static void DataAndHoles(MountSubject subject)
    {
        using var file = Descriptor.Open(subject.File);
        var size = file.Length;
        Check.Refused("asking for data at the end", Posix.Seek(file.Number, size, Posix.SeekData), Posix.ENXIO);
        Check.Refused("asking for a hole at the end", Posix.Seek(file.Number, size, Posix.SeekHole), Posix.ENXIO);
        var at = 0L;
        for (var turns = 0; at < size && turns < 10_000; turns++)
        {
            var data = Posix.Seek(file.Number, at, Posix.SeekData);
            var error = Posix.LastError;
            Check.That(data >= at || error == Posix.ENXIO, $"asking for data at {at}: {Posix.NameOf(error)}");
            var end = data < 0 ? size : data;
            Check.That(end <= size, $"data behind the end, at {end}");
            foreach (var sample in new[] { at, (at + end) / 2, Math.Max(at, end - Page) }.Where(_ => end > at))
            {
                var zeros = file.ReadAll(sample, (int)Math.Min(Page, end - sample));
                Check.That(!zeros.AsSpan().ContainsAnyExcept((byte)0), $"the hole at {at} is not all zeros near {sample}");
            }

            if (data < 0)
                return;
            at = Check.Done($"asking for a hole at {data}", Posix.Seek(file.Number, data, Posix.SeekHole));
            Check.That(at > data && at <= size, $"the data at {data} ends at {at}");
        }
    }

    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "Places to read at, the same in every run.")]
    public static void Random(MountSubject subject)
    {
        var reference = Reference.Of(subject);
        Check.InParallel(8, subject.Patience * 5, seed =>
        {
            var random = new Random(seed);
            using var file = Descriptor.Open(subject.File);
            for (var i = 0; i < 200; i++)
            {
                var piece = random.Next(reference.Pieces.Count);
                var (offset, bytes) = reference.Pieces[piece];
                var within = random.Next(bytes.Length);
                var count = random.Next(3) == 0 ? 1 + random.Next(Page) : 1 + random.Next(bytes.Length - within);
                reference.Compare("pread", piece, within, file.ReadAll(offset + within, Math.Min(count, bytes.Length - within)));
            }
        });
    }

    public static unsafe void Direct(MountSubject subject)
    {
        var reference = Reference.Of(subject);
        using var file = Descriptor.Open(subject.File, Posix.Direct);
        var memory = (byte*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc(Reference.PieceBytes, Page);
        try
        {
            for (var piece = 0; piece < reference.Pieces.Count; piece++)
            {
                var offset = reference.Pieces[piece].Offset;
                var have = 0;
                while (have < reference.Pieces[piece].Bytes.Length)
                {
                    var got = (int)Check.Done($"O_DIRECT read at {offset + have}", Posix.PRead(file.Number, memory + have, (nuint)(Reference.PieceBytes - have), offset + have));
                    Check.That(got > 0, $"O_DIRECT read at {offset + have} is empty");
                    have += got;
                    // A short one in the middle need not end at a multiple of what the disk below wants.
                    if (have % Page != 0)
                        break;
                }

                reference.Compare("O_DIRECT", piece, 0, new ReadOnlySpan<byte>(memory, have));
            }
        }
        finally
        {
            System.Runtime.InteropServices.NativeMemory.AlignedFree(memory);
        }
    }

    public static unsafe void Vectored(MountSubject subject)
    {
        var reference = Reference.Of(subject);
        using var file = Descriptor.Open(subject.File);
        var piece = reference.Pieces.Count / 2;
        var (offset, bytes) = reference.Pieces[piece];
        var got = new byte[bytes.Length];
        fixed (byte* start = got)
        {
            var third = bytes.Length / 3;
            var vectors = stackalloc IoVector[3];
            vectors[0] = new IoVector { Base = start, Length = (nuint)third };
            vectors[1] = new IoVector { Base = start + third, Length = (nuint)third };
            vectors[2] = new IoVector { Base = start + (2 * third), Length = (nuint)(bytes.Length - (2 * third)) };
            var count = (int)Check.Done("preadv", Posix.PReadVector(file.Number, vectors, 3, offset));
            Check.That(count > 0, "preadv gives nothing");
            reference.Compare("preadv", piece, 0, got.AsSpan(0, count).Length == bytes.Length ? got : [.. got.AsSpan(0, count), .. file.ReadAll(offset + count, bytes.Length - count)]);
        }
    }

    public static unsafe void Mapped(MountSubject subject)
    {
        var reference = Reference.Of(subject);
        using var file = Descriptor.Open(subject.File);
        for (var piece = 0; piece < reference.Pieces.Count; piece++)
        {
            var (offset, bytes) = reference.Pieces[piece];
            foreach (var (protection, flags) in new[] { (Posix.ProtectRead, Posix.MapShared), (Posix.ProtectRead | Posix.ProtectWrite, Posix.MapPrivate) })
            {
                var at = Posix.Map(0, (nuint)bytes.Length, protection, flags, file.Number, offset);
                Check.Done($"mmap at {offset}", at == -1 ? -1 : 0);
                var got = new byte[bytes.Length];
                fixed (byte* start = got)
                {
                    _ = Posix.Copy(start, (void*)at, (nuint)bytes.Length);
                }

                reference.Compare("mmap", piece, 0, got);
                Check.Done("munmap", Posix.Unmap(at, (nuint)bytes.Length));
            }
        }

        Check.Refused("a shared map for writing", Posix.Map(0, Page, Posix.ProtectRead | Posix.ProtectWrite, Posix.MapShared, file.Number, 0), Posix.EACCES);
    }

    public static unsafe void SendFile(MountSubject subject)
    {
        var reference = Reference.Of(subject);
        using var file = Descriptor.Open(subject.File);
        var memory = (int)Check.Done("memfd_create", Posix.CreateMemoryFile("check", 1));
        try
        {
            var piece = reference.Pieces.Count - 1;
            var (offset, bytes) = reference.Pieces[piece];
            var end = offset + bytes.Length;
            for (var at = offset; at < end;)
            {
                var from = at;
                var sent = Check.Done("sendfile", Posix.SendFile(memory, file.Number, &from, (nuint)(end - at)));
                Check.That(sent > 0, $"sendfile ends at {at}");
                at += sent;
            }

            var got = new byte[bytes.Length];
            fixed (byte* start = got)
            {
                Check.That(Posix.PRead(memory, start, (nuint)got.Length, 0) == got.Length, "sendfile gave fewer bytes than it said");
            }

            reference.Compare("sendfile", piece, 0, got);
        }
        finally
        {
            _ = Posix.Close(memory);
        }
    }

    public static void Advice(MountSubject subject)
    {
        using var file = Descriptor.Open(subject.File);
        for (var advice = 0; advice <= 5; advice++)
        {
            var error = Posix.Advise(file.Number, 0, Math.Min(file.Length, 1 << 20), advice);
            Check.That(error == 0, $"posix_fadvise({advice}): {Posix.NameOf(error)}");
        }

        Check.That(file.ReadAll(0, 1).Length == 1, "it does not read afterwards");
    }
}
