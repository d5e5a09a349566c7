using GlanceGateway.Formats.Probes;

namespace GlanceGateway.Formats;

/// <summary>
/// Recognises disk formats in the bytes of an image and checks that it is safe to open, in one pass and in bounded memory.
/// </summary>
/// <remarks>
/// Bytes are pushed as they stream past, in pieces of any size; the result does not depend on the pieces. Each format's probe says which regions it
/// wants next, and only those are kept, next to the last sectors. When every probe has what it wants from the front, a piece costs a copy of its last
/// 1.5 KiB. Less than a mebibyte is held whatever the image claims, and no input makes it throw. Not safe for concurrent use.
/// </remarks>
public sealed partial class FormatInspector
{
    private readonly FormatProbe[] probes = CreateProbes();
    private readonly List<Run> waiting = [];
    private readonly RollingTail tail = new();
    private InspectionResult? result;

    /// <summary>Starts an inspection.</summary>
    public FormatInspector()
    {
        foreach (var probe in probes)
        {
            var run = new Run(probe);
            run.MoveNext();
            waiting.Add(run);
        }
    }

    /// <summary>Bytes seen so far.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>Takes the next bytes of the image. They are not kept beyond the call.</summary>
    /// <exception cref="InvalidOperationException">After <see cref="Complete"/>.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (result is not null)
        {
            throw new InvalidOperationException("The inspection is complete.");
        }

        // Backwards, because those that have seen enough leave the list.
        for (var i = waiting.Count - 1; i >= 0; i--)
        {
            var run = waiting[i];
            while (run.Wanted is { AtEnd: false } capture && capture.Fill(TotalBytes, bytes))
            {
                run.MoveNext();
            }

            if (run.Wanted is null)
            {
                waiting.RemoveAt(i);
            }
        }

        tail.Append(bytes);
        TotalBytes += bytes.Length;
    }

    /// <summary>Says what the image is, when all of it was appended. Says the same when asked again.</summary>
    public InspectionResult Complete()
    {
        if (result is not null)
        {
            return result;
        }

        foreach (var run in waiting)
        {
            while (run.Wanted is { } capture)
            {
                if (capture.AtEnd)
                {
                    capture.FillEnd(TotalBytes, tail.Bytes);
                }

                run.MoveNext();
            }
        }

        return result = InspectionResult.Of(probes, TotalBytes);
    }

    /// <summary>All formats. A new one is a line here.</summary>
    private static FormatProbe[] CreateProbes() =>
    [
        new Qcow2Probe(),
        new VhdProbe(),
        new VhdxProbe(),
        new VmdkProbe(),
        new VdiProbe(),
        new QedProbe(),
        new IsoProbe(),
        new GptProbe(),
        new LuksProbe(),
    ];

    /// <summary>A probe on its way.</summary>
    private sealed class Run(FormatProbe probe)
    {
        private readonly IEnumerator<Capture> steps = probe.Inspect().GetEnumerator();

        /// <summary>The region that it wants; null when it is done.</summary>
        public Capture? Wanted { get; private set; }

        /// <summary>Lets it look at what it wanted.</summary>
        public void MoveNext() => Wanted = steps.MoveNext() ? steps.Current : null;
    }
}
