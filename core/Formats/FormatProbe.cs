namespace GlanceGateway.Formats;

/// <summary>
/// One format: how it is recognised, what size of disk it holds, and which of its features make it unsafe.
/// </summary>
/// <remarks>
/// A probe is written as a straight line. It yields the <see cref="Capture"/>s that it wants one after the other, always forward, at last perhaps
/// the end of the image, and looks at each when it goes on: complete, or shorter where the image ended. It neither knows nor cares whether the bytes
/// stream past in pieces or are read at random. Three duties:
/// every number from the image is checked before it is used as an offset or a length; the captures are few, whatever the image says;
/// nothing throws. An image that claims the format's magic and then cannot be read gets a finding, because what cannot be checked is not safe.
/// </remarks>
internal abstract class FormatProbe(DiskFormat format)
{
    private readonly List<SafetyFinding> findings = [];

    /// <summary>The format that it looks for.</summary>
    public DiskFormat Format { get; } = format;

    /// <summary>Whether the image is of this format.</summary>
    public bool Matched { get; protected set; }

    /// <summary>Bytes of the disk inside, once known.</summary>
    public long? VirtualSize { get; protected set; }

    /// <summary>Which kind of its format it is, where the format has kinds and says it.</summary>
    public string? DiskKind { get; protected set; }

    /// <summary>What is wrong with it.</summary>
    public IReadOnlyList<SafetyFinding> Findings => findings;

    /// <summary>Looks at the image. Called once.</summary>
    public abstract IEnumerable<Capture> Inspect();

    /// <summary>Whether an image of this format can rightly look like one of the other, which is then only its content.</summary>
    public virtual bool Encloses(DiskFormat other) => false;

    /// <summary>Notes what is wrong, once per check.</summary>
    protected void Fail(string check, string reason)
    {
        if (!findings.Exists(finding => finding.Check == check))
        {
            findings.Add(new SafetyFinding(Format, check, reason));
        }
    }

    /// <summary>Notes that the header ended too early.</summary>
    protected void FailShort() => Fail(SafetyChecks.Header, "the image ends inside its header");

    /// <summary>Takes the size of the disk from a header: <paramref name="units"/> of <paramref name="unitBytes"/> bytes.</summary>
    protected void SetVirtualSize(ulong units, uint unitBytes = 1)
    {
        if (units > (ulong)long.MaxValue / unitBytes)
        {
            Fail(SafetyChecks.Header, "the header claims a disk of an impossible size");
            return;
        }

        VirtualSize = (long)(units * unitBytes);
    }
}
