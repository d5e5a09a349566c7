namespace GlanceGateway.MountChecks;

/// <summary>
/// Pieces of the image, spread evenly from its first byte to its last, that every other way of reading must equal: from the local copy where there is one,
/// else as a first reader of the mount saw them. At most 4 MiB are held, whatever the size of the image.
/// </summary>
internal sealed class Reference
{
    public const int PieceBytes = 64 << 10;
    private const int MostPieces = 64;

    private readonly List<(long Offset, byte[] Bytes)> _pieces = [];

    private Reference(long size) => Size = size;

    /// <summary>Bytes of the image.</summary>
    public long Size { get; }

    /// <summary>Where the pieces begin, at multiples of <see cref="PieceBytes"/>, and what they hold; only the last may be shorter.</summary>
    public IReadOnlyList<(long Offset, byte[] Bytes)> Pieces => _pieces;

    public static Reference Of(MountSubject subject)
    {
        using var file = Descriptor.Open(subject.Original ?? subject.File);
        var size = file.Length;
        var reference = new Reference(size);
        var blocks = (size + PieceBytes - 1) / PieceBytes;
        var pieces = (int)Math.Min(blocks, MostPieces);
        for (var i = 0; i < pieces; i++)
        {
            var offset = (pieces == 1 ? 0 : i * (blocks - 1) / (pieces - 1)) * PieceBytes;
            reference._pieces.Add((offset, file.ReadAll(offset, (int)Math.Min(PieceBytes, size - offset))));
        }

        return reference;
    }

    /// <summary>Fails when bytes at a place of a piece are others.</summary>
    /// <param name="how">By which way they were read.</param>
    /// <param name="piece">Which piece.</param>
    /// <param name="within">Where in it they begin.</param>
    /// <param name="bytes">What was read.</param>
    public void Compare(string how, int piece, int within, ReadOnlySpan<byte> bytes)
    {
        var (offset, expected) = _pieces[piece];
        var wanted = expected.AsSpan(within, Math.Min(bytes.Length, expected.Length - within));
        var same = wanted.CommonPrefixLength(bytes);
        Check.That(bytes.Length == wanted.Length, $"{how}: {bytes.Length} bytes at {offset + within} instead of {wanted.Length}");
        Check.That(same == wanted.Length, $"{how}: other bytes at {offset + within + same}");
    }
}

/// <summary>Failing and skipping.</summary>
internal static class Check
{
    public static void That(bool holds, string otherwise)
    {
        if (!holds)
            throw new MountCheckException(otherwise);
    }

    /// <summary>A call that must fail with one of some errors.</summary>
    public static void Refused(string what, long result, params ReadOnlySpan<int> errors)
    {
        var error = Posix.LastError;
        That(result < 0, $"{what} is not refused");
        That(errors.Contains(error), $"{what}: {Posix.NameOf(error)} instead of {Posix.NameOf(errors[0])}");
    }

    /// <summary>A call that must do.</summary>
    public static long Done(string what, long result)
    {
        var error = Posix.LastError;
        That(result >= 0, $"{what}: {Posix.NameOf(error)}");
        return result;
    }

    /// <summary>Runs work on threads of its own and fails with the first failure.</summary>
    public static void InParallel(int threads, TimeSpan patience, Action<int> work)
    {
        Exception? failure = null;
        var all = Enumerable.Range(0, threads).Select(i => new Thread(() =>
        {
            try
            {
                work(i);
            }
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref failure, exception, null);
            }
        }) { IsBackground = true }).ToList();
        all.ForEach(thread => thread.Start());
        That(all.TrueForAll(thread => thread.Join(patience)), $"a thread does not come back for {patience.TotalSeconds:0} s");
        if (failure is not null)
            throw failure is MountCheckException ? new MountCheckException(failure.Message, failure) : failure;
    }
}
