namespace GlanceGateway.Registry.Sql;

internal sealed partial class SqlTransaction
{
    private static readonly string[] BelongingTables = ["image_properties", "image_tags", "image_locations", "image_members"];

    public override Task<Image?> FindImageAsync(string id, CancellationToken cancellationToken) =>
        ImageReads.FindAsync(Connection, id, cancellationToken);

    public override async Task<Image?> InsertImageAsync(Image image, CancellationToken cancellationToken)
    {
        DemandAlive(image);
        var inserted = await Connection.RunAsync(
            """
            INSERT INTO images (id, name, status, visibility, owner, disk_format, container_format, size, virtual_size, checksum, hash_algorithm,
                hash_value, min_disk, min_ram, protected, hidden, created_at, updated_at, version)
            VALUES (@Id, @Name, @Status, @Visibility, @Owner, @DiskFormat, @ContainerFormat, @Size, @VirtualSize, @Checksum, @HashAlgorithm,
                @HashValue, @MinDisk, @MinRam, @Protected, @Hidden, @CreatedAt, @UpdatedAt, 1)
            ON CONFLICT (id) DO NOTHING
            """, ImageRow.Of(image, Now), cancellationToken);
        if (inserted == 0)
            return null;
        await InsertPropertiesAsync(image, cancellationToken);
        await InsertTagsAsync(image, cancellationToken);
        Record(image.Id, ChangeKind.Created);
        return await FindImageAsync(image.Id, cancellationToken);
    }

    public override async Task<Image?> UpdateImageAsync(Image image, CancellationToken cancellationToken)
    {
        DemandAlive(image);
        var lostBy = await LostByUpdateAsync(image, cancellationToken);
        var updated = await Connection.RunAsync(
            """
            UPDATE images SET name = @Name, status = @Status, visibility = @Visibility, owner = @Owner, disk_format = @DiskFormat,
                container_format = @ContainerFormat, size = @Size, virtual_size = @VirtualSize, checksum = @Checksum,
                hash_algorithm = @HashAlgorithm, hash_value = @HashValue, min_disk = @MinDisk, min_ram = @MinRam, protected = @Protected,
                hidden = @Hidden, updated_at = @UpdatedAt, version = version + 1
            WHERE id = @Id AND version = @Version AND status <> 'deleted'
            """, ImageRow.Of(image, Now), cancellationToken);
        if (updated == 0)
            return null;

        // Most updates are of the status: rewriting up to hundreds of unchanged rows for each would be most of their cost.
        var stored = await FindImageAsync(image.Id, cancellationToken)
            ?? throw new InvalidOperationException("The image that was just updated is gone.");
        var properties = !stored.Properties.SequenceEqual(image.Properties);
        if (properties)
        {
            await Connection.RunAsync("DELETE FROM image_properties WHERE image_id = @Id", new { image.Id }, cancellationToken);
            await InsertPropertiesAsync(image, cancellationToken);
        }

        var tags = !stored.Tags.SequenceEqual(image.Tags);
        if (tags)
        {
            await Connection.RunAsync("DELETE FROM image_tags WHERE image_id = @Id", new { image.Id }, cancellationToken);
            await InsertTagsAsync(image, cancellationToken);
        }

        Record(image.Id, ChangeKind.Updated, lostBy);
        return properties || tags ? await FindImageAsync(image.Id, cancellationToken) : stored;
    }

    public override async Task<bool> DeleteImageAsync(string id, CancellationToken cancellationToken)
    {
        var lostBy = await AudienceAsync(await ReachAsync(id, cancellationToken), id, cancellationToken);
        var deleted = await Connection.RunAsync(
            "UPDATE images SET status = 'deleted', updated_at = @at, deleted_at = @at, version = version + 1 WHERE id = @id AND status <> 'deleted'",
            new { id, at = NowMicroseconds }, cancellationToken);
        if (deleted == 0)
            return false;
        foreach (var table in BelongingTables)
            await Connection.RunAsync($"DELETE FROM {table} WHERE image_id = @id", new { id }, cancellationToken);
        Record(id, ChangeKind.Deleted, lostBy);
        return true;
    }

    public override async Task<long> AddLocationAsync(string imageId, ImageLocation location, CancellationToken cancellationToken)
    {
        if (!await TouchAsync(imageId, cancellationToken))
            throw new InvalidOperationException($"No image with ID {imageId} to add a location to.");
        var id = await Connection.ValueAsync<long>(
            "INSERT INTO image_locations (image_id, store, url, metadata, place) VALUES (@imageId, @Store, @Url, @metadata, @Place) RETURNING id",
            new { imageId, location.Store, location.Url, metadata = LocationMetadata.Write(location.Metadata), location.Place }, cancellationToken);
        Record(imageId, ChangeKind.Updated);
        return id;
    }

    public override async Task<bool> RemoveLocationAsync(string imageId, long locationId, CancellationToken cancellationToken)
    {
        var removed = await Connection.RunAsync(
            "DELETE FROM image_locations WHERE id = @locationId AND image_id = @imageId", new { imageId, locationId }, cancellationToken);
        if (removed == 0)
            return false;
        await TouchAsync(imageId, cancellationToken);
        Record(imageId, ChangeKind.Updated);
        return true;
    }

    /// <summary>The version stays: a unit may change locations and save the attributes it read before, in any order.</summary>
    private async Task<bool> TouchAsync(string imageId, CancellationToken cancellationToken) => await Connection.RunAsync(
        "UPDATE images SET updated_at = @at WHERE id = @imageId AND status <> 'deleted'", new { imageId, at = NowMicroseconds }, cancellationToken) != 0;

    private async Task InsertPropertiesAsync(Image image, CancellationToken cancellationToken)
    {
        if (image.Properties.DistinctBy(property => property.Key).Count() != image.Properties.Count)
            throw new ArgumentException($"Image {image.Id} has two properties of one name.", nameof(image));
        if (image.Properties.Count == 0)
            return;
        await Connection.RunAsync(
            _dialect.InsertingProperty,
            image.Properties.Select((property, position) =>
                new PropertyRow { ImageId = image.Id, Name = property.Key, Value = property.Value, Position = position }),
            cancellationToken);
    }

    private async Task InsertTagsAsync(Image image, CancellationToken cancellationToken)
    {
        if (image.Tags.Count == 0)
            return;
        await Connection.RunAsync(
            "INSERT INTO image_tags (image_id, tag, position) VALUES (@ImageId, @Tag, @Position)",
            image.Tags.Distinct().Select((tag, position) => new TagRow { ImageId = image.Id, Tag = tag, Position = position }),
            cancellationToken);
    }

    private static void DemandAlive(Image image)
    {
        if (image.Status == ImageStatus.Deleted)
            throw new ArgumentException($"Image {image.Id} cannot be saved as deleted: delete it.", nameof(image));
    }
}
