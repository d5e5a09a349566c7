using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Images as records: what may be created, seen, changed and deleted, and by whom. Refusals are <see cref="ImageException"/>s.</summary>
public sealed class ImageCatalog
{
    /// <summary>How often a change is tried when others change the same image. Of those that meet, one wins each round, so this is how many may meet.</summary>
    private const int MostAttempts = 128;
    private const int MostLocationAttempts = 4;

    private readonly ImageRegistry registry;
    private readonly PolicyRules policy;
    private readonly ImageAccess access;
    private readonly QuotaLedger quotas;
    private readonly LocationEdits locations;
    private readonly ImageValues values;
    private readonly ImageDeletion deletion;
    private readonly PropertyProtections protections;

    internal ImageCatalog(
        ImageRegistry registry, PolicyRules policy, ImageAccess access, QuotaLedger quotas, LocationEdits locations, ImageValues values, ImageDeletion deletion, PropertyProtections protections)
    {
        this.protections = protections;
        this.registry = registry;
        this.policy = policy;
        this.access = access;
        this.quotas = quotas;
        this.locations = locations;
        this.values = values;
        this.deletion = deletion;
    }

    /// <summary>Creates a queued image.</summary>
    /// <param name="caller">Its owner, unless an administrator names another.</param>
    /// <param name="attributes">Wire names and values in the order given.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<Image> CreateAsync(Caller caller, IReadOnlyList<KeyValuePair<string, JsonElement>> attributes, CancellationToken cancellationToken)
    {
        if (attributes.FirstOrDefault(a => ImageValues.IsReadOnly(a.Key)).Key is { } readOnly)
        {
            throw ImageValues.ReadOnly(readOnly);
        }

        var image = new Image { Id = Guid.NewGuid().ToString(), Owner = caller.ProjectId };
        foreach (var (name, value) in attributes)
        {
            image = ImageValues.IsReserved(name) ? throw ImageValues.Reserved(name) : values.Set(image, name, value);
            if (!values.IsBase(name))
            {
                protections.Require(caller, PropertyOperation.Create, name);
            }
        }

        if (!caller.IsAdmin && image.Owner != caller.ProjectId)
        {
            throw new ImageException(ImageError.Forbidden, $"You are not permitted to create images owned by '{image.Owner}'.");
        }

        policy.Require(caller, PolicyAction.AddImage, image, isMember: false);
        RequireVisibility(caller, image);
        values.RequireQuotas(image, before: null);
        var quota = await quotas.OpenAsync(image.Owner, cancellationToken);
        var stored = await registry.WriteAsync(
            async (tx, ct) =>
            {
                await quota.RequireAsync(tx, UsageKind.Images, 1, ct);
                return await tx.InsertImageAsync(image, ct);
            },
            cancellationToken)
            ?? throw new ImageException(ImageError.Conflict, $"Image ID {image.Id} already exists!");
        return protections.Shown(caller, stored);
    }

    /// <summary>An image that the caller may see.</summary>
    public async Task<Image> GetAsync(Caller caller, string id, CancellationToken cancellationToken) =>
        protections.Shown(caller, (await access.FindAsync(caller, id, cancellationToken)).Image);

    /// <summary>One page of the images that the caller may see.</summary>
    /// <param name="caller">Whoever looks; the query's viewer is replaced by it.</param>
    /// <param name="query">What to list.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<IReadOnlyList<Image>> ListAsync(Caller caller, ImageQuery query, CancellationToken cancellationToken)
    {
        policy.Require(caller, PolicyAction.GetImages, image: null, isMember: false);
        query = query with { Viewer = caller.Viewer };
        if (query.Properties.Any(property => !protections.Allows(caller, PropertyOperation.Read, property.Key)))
        {
            return [];
        }

        try
        {
            var page = await registry.ListImagesAsync(query, cancellationToken);
            var seen = await access.FilterAsync(caller, page, cancellationToken);
            if (seen.Count == page.Count)
            {
                return protections.Shown(caller, page);
            }

            // Rules of the operator's leave images out: the page is filled from the following ones, as a short page is the last one to clients.
            var filled = new List<Image>(seen);
            while (page.Count == query.Limit && filled.Count < query.Limit)
            {
                query = query with { Marker = page[^1].Id };
                page = await registry.ListImagesAsync(query, cancellationToken);
                filled.AddRange(await access.FilterAsync(caller, page, cancellationToken));
            }

            return protections.Shown(caller, filled.Count <= query.Limit ? filled : filled.GetRange(0, query.Limit));
        }
        catch (UnknownMarkerException unknown)
        {
            throw new ImageException(ImageError.Invalid, unknown.Message, unknown);
        }
    }

    /// <summary>Applies edits in order, all or none. No edits change nothing.</summary>
    public async Task<Image> UpdateAsync(Caller caller, string id, IReadOnlyList<ImageEdit> edits, CancellationToken cancellationToken)
    {
        Image Edit(Image before)
        {
            var after = edits.Where(edit => edit.Property != "locations").Aggregate(before, (image, edit) => Apply(caller, image, edit));
            if (after.Visibility != before.Visibility)
            {
                RequireVisibility(caller, after);
            }

            return after;
        }

        // Few times: what is added may be read whole each time.
        for (var attempt = 0; LocationEdits.Are(edits); attempt++)
        {
            var image = await access.FindForAsync(caller, id, PolicyAction.ModifyImage, cancellationToken);
            var after = Edit(image);
            values.RequireQuotas(after, image);
            if (await locations.UpdateAsync(caller, image, edits, after, cancellationToken) is { } saved)
            {
                return protections.Shown(caller, saved);
            }

            if (attempt == MostLocationAttempts)
            {
                throw ImageAccess.ChangedMeanwhile(id);
            }
        }

        return protections.Shown(caller, await ChangeAsync(caller, id, PolicyAction.ModifyImage, Edit, cancellationToken));
    }

    /// <summary>Deletes an image and its data.</summary>
    public async Task DeleteAsync(Caller caller, string id, CancellationToken cancellationToken)
    {
        Image image;
        try
        {
            image = await access.FindForAsync(caller, id, PolicyAction.DeleteImage, cancellationToken);
        }
        catch (ImageException refusal) when (refusal.Error == ImageError.NotFound)
        {
            throw ImageDeletion.NothingToDelete(id);
        }

        await deletion.DeleteAsync(image.Id, cancellationToken);
    }

    /// <summary>Closes the data of an active image to all but administrators; nothing happens when it is closed.</summary>
    public Task DeactivateAsync(Caller caller, string id, CancellationToken cancellationToken) =>
        SwitchAsync(caller, id, PolicyAction.Deactivate, ImageStatus.Active, ImageStatus.Deactivated, cancellationToken);

    /// <summary>Opens the data of a deactivated image again; nothing happens when it is open.</summary>
    public Task ReactivateAsync(Caller caller, string id, CancellationToken cancellationToken) =>
        SwitchAsync(caller, id, PolicyAction.Reactivate, ImageStatus.Deactivated, ImageStatus.Active, cancellationToken);

    /// <summary>Adds a tag; nothing happens when it is there.</summary>
    public Task AddTagAsync(Caller caller, string id, string tag, CancellationToken cancellationToken) => ChangeAsync(
        caller,
        id,
        PolicyAction.ModifyImage,
        image => image.Tags.Contains(tag, StringComparer.Ordinal) ? image : SetTags(image, [.. image.Tags, tag]),
        cancellationToken);

    /// <summary>Removes a tag.</summary>
    public Task RemoveTagAsync(Caller caller, string id, string tag, CancellationToken cancellationToken) => ChangeAsync(
        caller,
        id,
        PolicyAction.ModifyImage,
        image => image.Tags.Contains(tag, StringComparer.Ordinal)
            ? image with { Tags = [.. image.Tags.Where(t => t != tag)] }
            : throw new ImageException(ImageError.NotFound, "The resource could not be found."),
        cancellationToken);

    private Task<Image> SwitchAsync(
        Caller caller, string id, PolicyAction action, ImageStatus from, ImageStatus to, CancellationToken cancellationToken) =>
        ChangeAsync(
            caller,
            id,
            action,
            image => image.Status == to ? image
                : image.Status == from ? image with { Status = to }
                : throw new ImageException(
                    ImageError.Forbidden, $"Not allowed to {PolicyRules.RuleName(action)} image in status '{WireNames.Of(image.Status)}'"),
            cancellationToken);

    /// <summary>Saves what a change makes of an image, on top of what others change at the same time; nothing when it returns the very same record.</summary>
    private async Task<Image> ChangeAsync(Caller caller, string id, PolicyAction action, Func<Image, Image> change, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var before = await access.FindForAsync(caller, id, action, cancellationToken);
            var after = change(before);
            if (ReferenceEquals(after, before))
            {
                return before;
            }

            values.RequireQuotas(after, before);
            if (await registry.WriteAsync((tx, ct) => tx.UpdateImageAsync(after, ct), cancellationToken) is { } saved)
            {
                return saved;
            }
        }

        throw ImageAccess.ChangedMeanwhile(id);
    }

    private Image SetTags(Image image, string[] tags)
    {
        // JSON would turn what cannot be stored into replacement characters, unseen by the check of values.
        return tags.All(t => ImageValues.IsStorable(t))
            ? values.Set(image, "tags", JsonSerializer.SerializeToElement(tags, ValueContext.Default.StringArray))
            : throw new ImageException(ImageError.Invalid, "The tag holds a character that cannot be stored (NUL, or half a surrogate pair).");
    }

    /// <summary>Refuses an edit that the protections of a custom property forbid.</summary>
    /// <returns>Whether the property is there for the caller.</returns>
    private bool RequireProtected(Caller caller, ImageEdit edit, bool present)
    {
        var name = edit.Property;
        var isShown = present && protections.Allows(caller, PropertyOperation.Read, name);
        if (edit.Operation == EditOperation.Add)
        {
            // Adding must not tell whether an unseen property is there, so whoever does not see it needs the rights for both cases.
            if (!isShown)
            {
                protections.Require(caller, PropertyOperation.Create, name);
            }

            if (isShown || !protections.Allows(caller, PropertyOperation.Read, name))
            {
                protections.Require(caller, PropertyOperation.Update, name);
            }
        }
        else if (isShown)
        {
            protections.Require(caller, edit.Operation == EditOperation.Remove ? PropertyOperation.Delete : PropertyOperation.Update, name);
        }

        return isShown;
    }

    private Image Apply(Caller caller, Image image, ImageEdit edit)
    {
        var name = edit.Property;
        if (ImageValues.IsReadOnly(name) || name == "id")
        {
            throw ImageValues.ReadOnly(name);
        }

        if (ImageValues.IsReserved(name))
        {
            throw ImageValues.Reserved(name);
        }

        var isBase = values.IsBase(name);
        var present = isBase || image.Properties.Any(p => p.Key == name);
        if (!isBase)
        {
            present = RequireProtected(caller, edit, present);
        }

        switch (edit.Operation)
        {
            case EditOperation.Remove when isBase:
                throw new ImageException(ImageError.Forbidden, $"Property {name} may not be removed.");
            case EditOperation.Remove or EditOperation.Replace when !present:
                throw new ImageException(ImageError.Conflict, $"Property {name} does not exist.");
            case EditOperation.Remove:
                return image with { Properties = [.. image.Properties.Where(p => p.Key != name)] };
            case EditOperation.Add when present && edit.MustBeNew:
                throw new ImageException(ImageError.Conflict, $"Property {name} already present.");
        }

        if (name is "disk_format" or "container_format" && image.Status != ImageStatus.Queued)
        {
            throw new ImageException(ImageError.Forbidden, $"Attribute {name} can be only replaced for a queued image.");
        }

        // Every operation on the owner is checked, an add too: Glance forgets that one.
        if (name == "owner" && !caller.IsAdmin)
        {
            throw new ImageException(ImageError.Forbidden, "Owner can't be updated by non admin.");
        }

        return values.Set(image, name, edit.Value);
    }

    private void RequireVisibility(Caller caller, Image image)
    {
        if (image.Visibility == ImageVisibility.Public)
        {
            policy.Require(caller, PolicyAction.PublicizeImage, image, isMember: false);
        }
        else if (image.Visibility == ImageVisibility.Community)
        {
            policy.Require(caller, PolicyAction.CommunitizeImage, image, isMember: false);
        }
    }
}
